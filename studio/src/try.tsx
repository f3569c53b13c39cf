// Try: draw, see how it is read and why, say what it is.
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { api, type Explanation, type Frame, type Look, type Model, type Neighbour, type Update } from './api';
import { changed, clear, drawing, isEmpty, onPad, picture, take, useDrawing, watch } from './drawing';
import { heat } from './maps';
import { Pad } from './pad';
import { Bars, ClassButtons, Person, person, Tile, Trouble } from './parts';
import { isDark, useSettings } from './settings';
import { oneOf, outcome, percent, probability, t, type Word } from './words';

const METHODS = ['integrated_gradients', 'gradient_input', 'smooth_grad', 'grad_cam', 'occlusion', 'shapley'] as const;

/** What was answered to what is on the pad. */
interface Answer {
  look: Look;
  frame: Frame | null; // the network's square on the pad
  asked: number; // when the pen moved last
  settled: boolean; // the pen is up: this is about the whole drawing
}

/** Asks for what is on the pad, again as long as the pen moves; one request at a time, the last one counts. */
function useAnswer(model: Model) {
  const [answer, setAnswer] = useState<Answer | null>(null);
  const [failure, setFailure] = useState<unknown>(null);
  const again = useRef(() => {});
  useEffect(() => {
    let busy = false, wanted = false, settled = true, left = false;
    const ask = async () => {
      if (busy) return void (wanted = true);
      busy = true;
      do {
        wanted = false;
        const asked = performance.now(), whole = settled;
        try {
          const shown = await picture();
          const look = shown && (await api.look(model.name, shown.picture));
          if (left) return;
          setAnswer(look && { look, frame: look.frame && onPad(look.frame, shown.place), asked, settled: whole });
          setFailure(null);
        } catch (reason) {
          if (left) return;
          setFailure(reason);
        }
      } while (wanted);
      busy = false;
    };
    again.current = () => void ask();
    const stop = watch(now => {
      settled = now;
      void ask();
    });
    void ask();
    return () => {
      left = true;
      stop();
    };
  }, [model.name, model.version]);
  return { answer, failure, again: again.current };
}

export function Try({ model, learned }: { model: Model; learned: () => void }) {
  const settings = useSettings();
  useDrawing();
  const { answer, failure, again } = useAnswer(model);
  const [method, setMethod] = useState<(typeof METHODS)[number]>('integrated_gradients');
  const [showWhy, setShowWhy] = useState(true);
  const [asked, setAsked] = useState<string | null>(null); // the class to explain, when it is not the answer
  const [explanation, setExplanation] = useState<Explanation | null>(null);
  const [neighbours, setNeighbours] = useState<Neighbour[]>([]);
  const [trouble, setTrouble] = useState<unknown>(null);
  const [milliseconds, setMilliseconds] = useState<number | null>(null);
  const chooser = useRef<HTMLInputElement>(null);
  const look = answer?.look ?? null;
  const explained = look && (asked ?? look.label);

  useLayoutEffect(() => {
    if (answer) setMilliseconds(performance.now() - answer.asked);
  }, [answer]);

  // Why: when the pen is up, or another class or method is asked for.
  useEffect(() => {
    setExplanation(null);
    if (!answer?.settled || !explained || !showWhy) return;
    const stop = new AbortController();
    void picture().then(shown => shown && api.explain(model.name, shown.picture, method, model.classes.indexOf(explained), stop.signal)).then(
      got => !stop.signal.aborted && got && (setExplanation(got), setTrouble(null)),
      reason => !stop.signal.aborted && setTrouble(reason),
    );
    return () => stop.abort();
  }, [answer, explained, method, showWhy]);

  // Similar examples: when nothing has moved for a moment.
  useEffect(() => {
    if (!answer) setNeighbours([]), setAsked(null);
    if (!answer?.settled) return;
    const stop = new AbortController();
    const wait = setTimeout(() => {
      void picture().then(shown => shown && api.similar(model.name, shown.picture, stop.signal)).then(
        got => !stop.signal.aborted && setNeighbours(got ?? []),
        reason => !stop.signal.aborted && setTrouble(reason),
      );
    }, 120);
    return () => (clearTimeout(wait), stop.abort());
  }, [answer]);
  useEffect(() => watch(settled => settled || setAsked(null)), []);

  const signs = model.classes.every(name => [...name].length === 1);
  const choose = (file: File | undefined) => {
    if (file) take(file, signs && model.channels === 1).then(() => setTrouble(null), setTrouble);
  };
  const overlay = explanation && showWhy ? heat(explanation) : null;

  return (
    <div class="try">
      <section class="drawing" aria-label={t('draw_here')}>
        <Pad key={isDark() ? 'dark' : 'light'} heat={overlay} frame={answer?.frame ?? null} drop={choose} />
        <div class="tools">
          <button type="button" class="plain" disabled={drawing.strokes.length === 0} onClick={() => (drawing.strokes.pop(), changed(true))}>
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
              <input type="checkbox" checked={drawing.file.ink} onChange={e => ((drawing.file!.ink = e.currentTarget.checked), changed(true))} /> {t('as_ink')}
            </label>
          )}
          <label class="check end">
            <input type="checkbox" checked={showWhy} onChange={e => setShowWhy(e.currentTarget.checked)} /> {t('show_why')}
          </label>
        </div>
        <div class="legend" aria-hidden={!overlay}>
          <span class="for">{t('for_it')}</span>
          <span class="against">{t('against_it')}</span>
          <label>
            <span class="quiet">{t('method')}</span>{' '}
            <select value={method} onChange={e => setMethod(e.currentTarget.value as typeof method)}>
              {METHODS.map(name => (
                <option value={name}>{t(name)}</option>
              ))}
            </select>
          </label>
        </div>
      </section>

      <section class="answer">
        <Trouble failure={failure ?? trouble} retry={again} />
        <div class="verdict" aria-live={answer?.settled === false ? 'off' : 'polite'}>
          {look ? <Verdict look={look} classes={model.classes} /> : <Welcome />}
        </div>
        <Bars classes={model.classes} values={look?.probabilities ?? null} set={look?.set} chosen={explained ?? undefined} choose={label => setAsked(label)} />
        {look && explained && explained !== look.label && <p class="quiet">{t('why_title', { label: explained })}</p>}
        {look && <Say model={model} look={look} learned={learned} />}
      </section>

      <section class="reasons" hidden={!look}>
        {look && (
          <figure>
            <Tile picture={look.picture} alt={t('sees')} size={84} />
            <figcaption>{t('sees')}</figcaption>
          </figure>
        )}
        {neighbours.length > 0 && (
          <figure class="neighbours">
            <ul>
              {neighbours.map(n => (
                <li>
                  <Tile picture={n.picture} alt={n.label} size={56} />
                  <span class={n.label === look?.label ? '' : 'wrong'}>{n.label}</span>
                </li>
              ))}
            </ul>
            <figcaption>{t('looks_like')}</figcaption>
          </figure>
        )}
        <p class="quiet time" data-milliseconds={milliseconds ?? ''} lang={settings.language}>
          {milliseconds !== null && t('in_ms', { n: milliseconds < 10 ? milliseconds.toFixed(1) : Math.round(milliseconds) })}
          {model.version > 0 && <> · {t('version', { n: model.version })}</>}
        </p>
      </section>
    </div>
  );
}

const Welcome = () => (
  <>
    <p class="big faint" aria-hidden="true">
      ?
    </p>
    <div>
      <p class="sentence">{t('nothing_yet')}</p>
      <p class="quiet">{t('what_it_does')}</p>
    </div>
  </>
);

function Verdict({ look }: { look: Look; classes: string[] }) {
  const p = probability(look.probability), least = percent(look.least);
  const sentences: Record<Look['why'], [Word, Record<string, string>]> = {
    answered: look.coverage ? ['answers', { p, least }] : ['answers_plain', { p }],
    unsure: ['defers_unsure', { p, least: look.least > 1 ? percent(1, 0) : least }],
    unfamiliar: ['defers_unfamiliar', {}],
  };
  const c = percent(look.coverage, 0);
  return (
    <>
      <p class={'big' + (look.why === 'answered' ? '' : ' defers')}>
        <span class="visually-hidden">{t('reads')} </span>
        {look.label}
      </p>
      <div>
        <p class="sentence">{t(...sentences[look.why])}</p>
        {look.coverage > 0 && (
          <p class="quiet">
            {look.set.length === 0 ? t('set_none', { c }) : look.set.length === 1 ? t('set_one', { c, set: look.set[0] }) : t('set_many', { c, set: oneOf(look.set) })}
          </p>
        )}
      </div>
    </>
  );
}

/** "No, it is …" */
function Say({ model, look, learned }: { model: Model; look: Look; learned: () => void }) {
  const [said, setSaid] = useState<'' | 'busy' | 'queued' | 'learning' | { label: string } | Update>('');
  const [failure, setFailure] = useState<unknown>(null);
  useEffect(() => watch(() => (setSaid(''), setFailure(null))), []);
  if (!model.learns) return <p class="quiet">{t('not_learning')}</p>;

  const during = async (state: typeof said, work: () => Promise<typeof said>) => {
    setSaid(state);
    try {
      setSaid(await work());
      setFailure(null);
    } catch (reason) {
      setSaid('');
      setFailure(reason);
    }
  };
  const keep = async () => {
    const shown = await picture();
    return (await api.decide(model.name, shown!.picture)).decision;
  };
  const say = (label: string) =>
    during('busy', async () => {
      await api.feedback(model.name, await keep(), label, person());
      learned();
      return { label };
    });
  const queue = () =>
    during('busy', async () => {
      await keep();
      learned();
      return 'queued';
    });
  const learn = () =>
    during('learning', async () => {
      const update = await api.learn(model.name);
      learned();
      return update;
    });

  if (said === 'learning') return <p class="said working" role="status">{t('learning')}</p>;
  if (typeof said === 'object' && 'outcome' in said)
    return (
      <p class="said" role="status">
        {said.to > 0 ? t('went_live', { n: said.to }) : t('stays', { n: said.from })}{' '}
        <span class="quiet">{outcome(said)}</span>
      </p>
    );
  if (typeof said === 'object')
    return (
      <p class="said" role="status">
        {t('thanks', { label: said.label })}{' '}
        <button type="button" class="link" onClick={learn}>
          {t('learn_it')}
        </button>
      </p>
    );
  if (said === 'queued') return <p class="said" role="status">{t('queued')}</p>;
  return (
    <div class="say">
      <div class="row">
        <h2>{t('no_it_is')}</h2>
        <Person />
      </div>
      <ClassButtons classes={model.classes} not={look.label} busy={said === 'busy'} choose={say} />
      <div class="row">
        <button type="button" class="plain" disabled={said === 'busy'} onClick={() => say(look.label)}>
          {t('right')}
        </button>
        {look.why !== 'answered' && (
          <button type="button" class="plain" disabled={said === 'busy'} onClick={queue}>
            {t('to_queue')}
          </button>
        )}
      </div>
      <Trouble failure={failure} />
    </div>
  );
}
