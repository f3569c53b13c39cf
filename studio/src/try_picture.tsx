// Try, for pictures: draw, see how it is read and why, say what it is.
import { useEffect, useRef, useState } from 'preact/hooks';
import { Legend, Say, Time, useAnswer, useReason, Verdict } from './answer';
import { api, type Explanation, type Model } from './api';
import { clear, drawing, isEmpty, onPad, type Shown, take } from './drawing';
import { heat } from './maps';
import { Pad } from './pad';
import { Bars, Tile, Trouble } from './parts';
import { isDark, useSettings } from './settings';
import { subjectOf, useChanges } from './subject';
import { t } from './words';

export function TryPicture({ model, learned }: { model: Model; learned: () => void }) {
  useSettings();
  const subject = subjectOf(model);
  useChanges(subject.changes);
  const { answer, failure, again } = useAnswer(model, subject);
  const [method, setMethod] = useState(model.methods[0]);
  const [showWhy, setShowWhy] = useState(true);
  const [asked, setAsked] = useState<string | null>(null); // the class to explain, when it is not the answer
  const [trouble, setTrouble] = useState<unknown>(null);
  const chooser = useRef<HTMLInputElement>(null);
  const look = answer?.look ?? null;
  const explained = look && (asked ?? look.label);

  const why = useReason(answer, 0, showWhy && explained ? (input, signal) => api.explain<Explanation>(model.name, input, method, model.classes.indexOf(explained), signal) : null, [explained, method, showWhy]);
  const similar = useReason(answer, 120, (input, signal) => api.similar(model.name, input, signal), []);
  useEffect(() => subject.changes.watch(settled => (settled && !isEmpty()) || setAsked(null)), []);

  const signs = model.classes.every(name => [...name].length === 1);
  const choose = (file: File | undefined) => {
    if (file) take(file, signs && model.channels === 1).then(() => setTrouble(null), setTrouble);
  };
  // Colours of another drawing would lie beside the ink.
  const overlay = why.value && why.answer === answer && why.value.label === explained ? heat(why.value) : null;

  return (
    <div class="try">
      <section class="drawing" aria-label={t('draw_here')}>
        <Pad key={isDark() ? 'dark' : 'light'} heat={overlay} frame={look?.frame ? onPad(look.frame, (answer!.input as Shown).place) : null} drop={choose} />
        <div class="tools">
          <button type="button" class="plain" disabled={drawing.strokes.length === 0} onClick={() => (drawing.strokes.pop(), drawing.changes.tell(true))}>
            {t('undo')}
          </button>
          <button type="button" class="plain" disabled={isEmpty()} onClick={clear}>
            {t('clear')}
          </button>
          <button type="button" class="plain" onClick={() => chooser.current!.click()}>
            {t('choose')}
          </button>
          <input ref={chooser} type="file" accept="image/png,image/jpeg" hidden onChange={e => (choose(e.currentTarget.files?.[0]), (e.currentTarget.value = ''))} />
          {drawing.file && (
            <label class="check">
              <input type="checkbox" checked={drawing.file.ink} onChange={e => ((drawing.file!.ink = e.currentTarget.checked), drawing.changes.tell(true))} /> {t('as_ink')}
            </label>
          )}
          <label class="check end">
            <input type="checkbox" checked={showWhy} onChange={e => setShowWhy(e.currentTarget.checked)} /> {t('show_why')}
          </label>
        </div>
        <Legend model={model} shown={!!overlay} method={method} choose={setMethod} />
      </section>

      <section class="answer">
        <Trouble failure={failure ?? trouble ?? why.failure ?? similar.failure} retry={again} />
        <Verdict model={model} answer={answer} />
        <Bars classes={model.classes} values={look?.probabilities ?? null} set={look?.set} chosen={explained ?? undefined} choose={setAsked} />
        {look && explained && explained !== look.label && <p class="quiet">{t('why_title', { label: explained })}</p>}
        {look && <Say model={model} subject={subject} look={look} learned={learned} />}
      </section>

      <section class="reasons" hidden={!look}>
        {look?.picture && (
          <figure>
            <Tile picture={look.picture} alt={t('sees')} size={84} />
            <figcaption>{t('sees')}</figcaption>
          </figure>
        )}
        {similar.value && similar.value.length > 0 && (
          <figure class="neighbours">
            <ul>
              {similar.value.map(n => (
                <li>
                  <Tile picture={n.picture!} alt={n.label} size={56} />
                  <span class={n.label === look?.label ? '' : 'wrong'}>{n.label}</span>
                </li>
              ))}
            </ul>
            <figcaption>{t('looks_like')}</figcaption>
          </figure>
        )}
        <Time model={model} answer={answer} />
      </section>
    </div>
  );
}
