// What a network says of an example, whatever kind it is: asked as it changes, with the verdict and "no, it is …".
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { api, Failure, type Input, type Look, type Model, type Update } from './api';
import { ClassButtons, Person, person, Trouble } from './parts';
import { settings } from './settings';
import type { Subject } from './subject';
import { oneOf, outcome, percent, probability, t, type Word } from './words';

/** What was answered to an example. */
export interface Answer {
  look: Look;
  input: Input; // to which
  asked: number; // when
  settled: boolean; // nobody is in the midst of a stroke
}

/** Asks about the subject, again as long as it changes; one request at a time, the last one counts. */
export function useAnswer(model: Model, subject: Subject) {
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
          const input = await subject.input();
          const look = input && (await api.look(model.name, input));
          if (left) return;
          setAnswer(look && { look, input: input!, asked, settled: whole });
          setFailure(null);
        } catch (reason) {
          if (left) return;
          setFailure(reason);
          if (reason instanceof Failure && reason.status === 400) setAnswer(null); // it is none to what stands there now
        }
      } while (wanted);
      busy = false;
    };
    again.current = () => void ask();
    const stop = subject.changes.watch(now => {
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

/** What `ask` gives for a settled answer, `delay` ms after the last change; what was there before stays till then. */
export function useReason<T>(answer: Answer | null, delay: number, ask: ((input: Input, signal: AbortSignal) => Promise<T>) | null, by: unknown[]) {
  const [got, setGot] = useState<{ value: T; answer: Answer } | null>(null);
  const [failure, setFailure] = useState<unknown>(null);
  useEffect(() => {
    if (!answer || !ask) setGot(null);
    if (!answer?.settled || !ask) return;
    const stop = new AbortController();
    const wait = setTimeout(() => {
      ask(answer.input, stop.signal).then(
        value => stop.signal.aborted || (setGot({ value, answer }), setFailure(null)),
        reason => stop.signal.aborted || setFailure(reason),
      );
    }, delay);
    return () => (clearTimeout(wait), stop.abort());
  }, [answer, ...by]);
  return { value: got?.value ?? null, answer: got?.answer ?? null, failure };
}

/** How long the answer took, and who gave it. */
export function Time({ model, answer }: { model: Model; answer: Answer | null }) {
  const [milliseconds, setMilliseconds] = useState<number | null>(null);
  useLayoutEffect(() => {
    if (answer) setMilliseconds(performance.now() - answer.asked);
  }, [answer]);
  return (
    <p class="quiet time" data-milliseconds={milliseconds ?? ''} lang={settings.language}>
      {milliseconds !== null && t('in_ms', { n: milliseconds < 10 ? milliseconds.toFixed(1) : Math.round(milliseconds) })}
      {model.version > 0 && <> · {t('version', { n: model.version })}</>}
    </p>
  );
}

/** The legend of an explanation, and its method where there is a choice. */
export function Legend(props: { model: Model; shown: boolean; method: string; choose: (method: string) => void }) {
  return (
    <div class="legend" aria-hidden={!props.shown}>
      <span class="for">{t('for_it')}</span>
      <span class="against">{t('against_it')}</span>
      {props.model.methods.length > 1 && (
        <label>
          <span class="quiet">{t('method')}</span>{' '}
          <select value={props.method} onChange={e => props.choose(e.currentTarget.value)}>
            {props.model.methods.map(name => (
              <option value={name}>{t(name as Word)}</option>
            ))}
          </select>
        </label>
      )}
    </div>
  );
}

const Welcome = ({ model }: { model: Model }) => (
  <>
    <p class="big faint" aria-hidden="true">
      ?
    </p>
    <div>
      <p class="sentence">{t(model.kind === 'text' ? 'no_text_yet' : model.kind === 'table' ? 'no_row_yet' : 'nothing_yet')}</p>
      <p class="quiet">{t(model.kind === 'image' ? 'what_it_does' : 'what_it_does_typing')}</p>
    </div>
  </>
);

export function Verdict({ model, answer }: { model: Model; answer: Answer | null }) {
  return (
    <div class="verdict" aria-live={answer?.settled === false ? 'off' : 'polite'}>
      {answer ? <Said look={answer.look} /> : <Welcome model={model} />}
    </div>
  );
}

function Said({ look }: { look: Look }) {
  const p = probability(look.probability), least = percent(look.least);
  const sentences: Record<Look['why'], [Word, Record<string, string>]> = {
    answered: look.coverage ? ['answers', { p, least }] : ['answers_plain', { p }],
    unsure: ['defers_unsure', { p, least: look.least > 1 ? percent(1, 0) : least }],
    unfamiliar: ['defers_unfamiliar', {}],
  };
  const c = percent(look.coverage, 0);
  const length = [...look.label].length;
  return (
    <>
      <p class={`big ${length > 14 ? 'longest' : length > 3 ? 'long' : ''} ${look.why === 'answered' ? '' : 'defers'}`}>
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
export function Say({ model, subject, look, learned }: { model: Model; subject: Subject; look: Look; learned: () => void }) {
  const [said, setSaid] = useState<'' | 'busy' | 'queued' | 'learning' | { label: string } | Update>('');
  const [failure, setFailure] = useState<unknown>(null);
  useEffect(() => subject.changes.watch(() => (setSaid(''), setFailure(null))), []);
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
  const keep = async () => (await api.decide(model.name, (await subject.input())!)).decision;
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
      <ClassButtons classes={model.classes} probabilities={look.probabilities} not={look.label} busy={said === 'busy'} choose={say} />
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
