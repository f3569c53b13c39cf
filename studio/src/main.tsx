// The frame: views, model, language, colours.
import { render } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { api, Failure, type Model } from './api';
import { Learn } from './learn';
import { Network } from './network';
import { Switch, Trouble, useLoad } from './parts';
import { Queue } from './queue';
import { Runs } from './runs';
import { set, useSettings } from './settings';
import './style.css';
import { TryPicture } from './try_picture';
import { TryRow } from './try_row';
import { TryText } from './try_text';
import { t, type Word } from './words';
import { Write } from './write';

const VIEWS = ['try', 'queue', 'learn', 'runs', 'network'] as const;
type View = (typeof VIEWS)[number];
const viewNow = (): View => VIEWS.find(view => location.hash === '#/' + view) ?? 'try';
/** A language model is written with, and nobody corrects it. */
const viewsOf = (model?: Model): readonly View[] => (model?.kind === 'language' ? VIEWS.filter(view => view !== 'queue' && view !== 'learn') : VIEWS);
const nameOf = (view: View, model?: Model): Word => (view === 'try' && model?.kind === 'language' ? 'write' : view);
const TRY = { image: TryPicture, text: TryText, table: TryRow, language: Write };

function App() {
  const settings = useSettings();
  const [asked, setView] = useState(viewNow);
  const main = useRef<HTMLElement>(null);
  const { data: models, failure, reload } = useLoad(api.models, [settings.token]);
  const model = models?.find(m => m.name === settings.model) ?? models?.[0];
  const views = viewsOf(model), view = views.includes(asked) ? asked : views[0];
  const Try = model && TRY[model.kind];

  useEffect(() => {
    const onHash = () => {
      setView(viewNow());
      scrollTo(0, 0);
    };
    addEventListener('hashchange', onHash);
    return () => removeEventListener('hashchange', onHash);
  }, []);
  useEffect(() => {
    document.title = `${t(nameOf(view, model))} · Tandem`;
  }, [view, model?.kind, settings.language]);
  // Another version may have gone live meanwhile.
  useEffect(() => {
    const timer = setInterval(() => document.hidden || reload(), 5000);
    return () => clearInterval(timer);
  }, [reload]);

  return (
    <>
      <a class="skip" href="#main" onClick={e => (e.preventDefault(), main.current!.focus())}>
        {t('skip')}
      </a>
      <header>
        <p class="name">Tandem</p>
        <nav aria-label={t('views')}>
          {views.map(name => (
            <a href={'#/' + name} aria-current={view === name ? 'page' : undefined}>
              {t(nameOf(name, model))}
              {name === 'queue' && model && model.waiting > 0 && <span class="count">{model.waiting}</span>}
            </a>
          ))}
        </nav>
        <div class="switches">
          {models && models.length > 1 && (
            <select aria-label={t('model')} value={model?.name} onChange={e => set('model', e.currentTarget.value)}>
              {models.map(m => (
                <option value={m.name}>{m.name}</option>
              ))}
            </select>
          )}
          <Switch label={t('language')} value={settings.language} choose={value => set('language', value)} options={[['en', 'EN', 'en'], ['zh', '中文', 'zh-CN']]} />
          <Switch label={t('theme')} value={settings.theme} choose={value => set('theme', value)} options={[['auto', t('auto')], ['light', t('light')], ['dark', t('dark')]]} />
        </div>
      </header>
      <main id="main" ref={main} tabIndex={-1}>
        {failure instanceof Failure && failure.status === 401 ? <Token /> : <Trouble failure={failure} retry={reload} />}
        {view === 'runs' && <Runs />}
        {model && Try && view === 'try' && <Try key={model.name} model={model} learned={reload} />}
        {model && view === 'queue' && <Queue key={model.name} model={model} answered={reload} />}
        {model && view === 'learn' && <Learn key={model.name} model={model} learned={reload} />}
        {model && view === 'network' && <Network key={model.name} model={model} />}
      </main>
      <footer>
        <a href="/openapi.json">{t('for_programs')}</a>
      </footer>
    </>
  );
}

function Token() {
  const [token, setToken] = useState('');
  return (
    <form class="token" onSubmit={e => (e.preventDefault(), set('token', token.trim()))}>
      <label>
        <span class="sentence">{t('token')}</span>
        <input type="password" value={token} autocomplete="off" onInput={e => setToken(e.currentTarget.value)} />
      </label>
      <button type="submit" class="primary" disabled={!token.trim()}>
        {t('token_enter')}
      </button>
    </form>
  );
}

render(<App />, document.getElementById('app')!);
