// Small parts that several views use.
import type { ComponentChildren } from 'preact';
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { Failure, png, type Row } from './api';
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
  const longest = Math.max(...props.classes.map(name => [...name].length));
  return (
    <ul class={'bars' + (longest > 16 ? ' long' : longest > 3 ? ' named' : '')} aria-label={t('probabilities')}>
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

/** Parts and what each adds, as bars to both sides of a middle. */
export function Adds({ parts }: { parts: { name: string; adds: number }[] }) {
  const most = Math.max(...parts.map(p => Math.abs(p.adds)), 1e-9);
  return (
    <ul class="adds">
      {parts.map(p => (
        <li>
          <b>{p.name}</b>
          <Addition adds={p.adds} most={most} text={(p.adds < 0 ? '−' : '+') + Math.abs(p.adds).toPrecision(2)} />
        </li>
      ))}
    </ul>
  );
}
export const Addition = ({ adds, most, text }: { adds: number; most: number; text: string }) => (
  <>
    <span class="both-ways" aria-hidden="true">
      <i class={adds < 0 ? 'against' : 'for'} style={{ transform: `scaleX(${adds / most})` }} />
    </span>
    <span class="value">{text}</span>
  </>
);

/** A row as it was filled in. */
export const RowList = ({ row }: { row: Row }) => (
  <dl class="row-list">
    {Object.entries(row).map(([name, value]) => (
      <div>
        <dt>{name}</dt>
        <dd>{value ?? '–'}</dd>
      </div>
    ))}
  </dl>
);

const FEW = 24, LIKELIEST = 9; // of many classes, these have a button and the others a list

/** The classes that have buttons: all, or of many the likeliest. */
export function offered(classes: string[], probabilities?: number[]): string[] {
  if (classes.length <= FEW) return classes;
  const order = classes.map((_, i) => i).sort((a, b) => (probabilities?.[b] ?? 0) - (probabilities?.[a] ?? 0));
  return order.slice(0, LIKELIEST).map(i => classes[i]);
}

/** Keys that name the classes: their own sign where it is one, their first letters where these differ, else a, b, c. */
export function keysOf(classes: string[]): string[] {
  if (classes.every(name => [...name].length === 1)) return classes;
  const first = classes.map(name => name[0].toLowerCase());
  if (new Set(first).size === first.length && first.every(c => /[a-z0-9]/.test(c))) return first;
  return classes.map((_, i) => (i < 26 ? String.fromCharCode(97 + i) : ''));
}

export function ClassButtons(props: { classes: string[]; probabilities?: number[]; choose: (label: string) => void; keys?: boolean; not?: string; busy?: boolean }) {
  const shown = offered(props.classes, props.probabilities), keys = keysOf(shown);
  const signs = shown.every(name => [...name].length === 1);
  return (
    <div class={'classes' + (signs ? ' signs' : '')}>
      {shown.map((label, i) => (
        <button type="button" class="choice" key={label} disabled={props.busy || label === props.not} onClick={() => props.choose(label)}>
          {label}
          {props.keys && keys[i] !== label && <kbd>{keys[i]}</kbd>}
        </button>
      ))}
      {shown.length < props.classes.length && (
        <select aria-label={t('other')} value="" disabled={props.busy} onChange={e => e.currentTarget.value && props.choose(e.currentTarget.value)}>
          <option value="">{t('other')} …</option>
          {[...props.classes].sort().map(label => (
            <option value={label} disabled={label === props.not}>
              {label}
            </option>
          ))}
        </select>
      )}
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
