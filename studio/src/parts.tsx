// Small parts that several views use.
import type { ComponentChildren } from 'preact';
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { Failure, png } from './api';
import { set, settings, useSettings } from './settings';
import { probability, t } from './words';

export function Switch<T extends string>(props: { label: string; options: [T, string, string?][]; value: T; choose: (value: T) => void }) {
  return (
    <div class="switch" role="group" aria-label={props.label}>
      {props.options.map(([value, text, lang]) => (
        <button type="button" lang={lang} aria-pressed={value === props.value} onClick={() => props.choose(value)}>
          {text}
        </button>
      ))}
    </div>
  );
}

/** A picture of the network's own size, enlarged without smoothing. */
export const Tile = (props: { picture: string; alt: string; size?: number }) => (
  <img class="tile" src={png(props.picture)} alt={props.alt} width={props.size ?? 56} height={props.size ?? 56} />
);

/** A row for each class; the rows are buttons when there is something to choose. */
export function Bars(props: { classes: string[]; values: number[] | null; set?: string[]; chosen?: string; choose?: (label: string) => void }) {
  // Many classes: the likeliest ones, most probable first.
  const order = props.classes.map((_, i) => i);
  if (props.classes.length > 12) order.sort((a, b) => (props.values?.[b] ?? 0) - (props.values?.[a] ?? 0)).splice(12);
  return (
    <ul class="bars" aria-label={t('probabilities')}>
      {order.map(i => {
        const label = props.classes[i], value = props.values?.[i] ?? 0;
        return (
          <li key={label}>
            <button
              type="button"
              class={props.set?.includes(label) ? 'in-set' : ''}
              disabled={!props.choose || !props.values}
              aria-pressed={props.chosen === label}
              aria-label={t('explain_class', { label, p: probability(value) })}
              onClick={() => props.choose?.(label)}
            >
              <b>{label}</b>
              <span class="track">
                <i style={{ transform: `scaleX(${value})` }} />
              </span>
              <span class="value">{props.values ? probability(value) : ''}</span>
            </button>
          </li>
        );
      })}
    </ul>
  );
}

/** Keys that name the classes: their own sign where it is one, letters otherwise. */
export const keysOf = (classes: string[]): string[] =>
  classes.every(name => [...name].length === 1) ? classes : classes.map((_, i) => (i < 26 ? String.fromCharCode(97 + i) : ''));

export function ClassButtons(props: { classes: string[]; choose: (label: string) => void; keys?: boolean; not?: string; busy?: boolean }) {
  const keys = keysOf(props.classes);
  return (
    <div class="classes">
      {props.classes.map((label, i) => (
        <button type="button" class="choice" key={label} disabled={props.busy || label === props.not} onClick={() => props.choose(label)}>
          {label}
          {props.keys && keys[i] !== label && <kbd>{keys[i]}</kbd>}
        </button>
      ))}
    </div>
  );
}

/** Who corrects. */
export function Person() {
  useSettings();
  return (
    <label class="person">
      {t('as')} <input value={settings.person} placeholder={t('me')} aria-label={t('name')} maxLength={60} autocomplete="nickname" onInput={e => set('person', e.currentTarget.value)} />
    </label>
  );
}
export const person = () => settings.person.trim() || t('me');

/** Something that went wrong, and a way on. */
export function Trouble(props: { failure: unknown; retry?: () => void }) {
  const { failure } = props;
  if (!failure) return null;
  const text = failure instanceof Failure ? (failure.status === 0 ? t('no_server') : failure.message) : String(failure);
  return (
    <p class="trouble" role="alert">
      {text} {props.retry && <button type="button" class="link" onClick={props.retry}>{t('again')}</button>}
    </p>
  );
}

export const Lead = (props: { title: string; text: string; children?: ComponentChildren }) => (
  <div class="lead">
    <h1>{props.title}</h1>
    <p>{props.text}</p>
    {props.children}
  </div>
);

/** Loads what `load` gives when `by` changes, and again on demand. Older answers never replace newer ones. */
export function useLoad<T>(load: (signal: AbortSignal) => Promise<T>, by: unknown[]): { data: T | null; failure: unknown; reload: () => void } {
  const [data, setData] = useState<T | null>(null);
  const [failure, setFailure] = useState<unknown>(null);
  const running = useRef<AbortController | null>(null);
  const reload = useCallback(() => {
    running.current?.abort();
    const mine = (running.current = new AbortController());
    load(mine.signal).then(
      value => {
        if (running.current === mine) setData(value), setFailure(null);
      },
      reason => {
        if (running.current === mine && !mine.signal.aborted) setFailure(reason);
      },
    );
  }, by);
  useEffect(() => {
    reload();
    return () => running.current?.abort();
  }, [reload]);
  return { data, failure, reload };
}
