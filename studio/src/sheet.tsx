// A text that grows as it is written, with marks behind its words.
import { useLayoutEffect, useRef } from 'preact/hooks';

/** Part of a text: from begin to end, in UTF-16 units. `strength` is -1 … 1: against and for; `fresh`: just written. */
export interface Mark {
  begin: number;
  end: number;
  strength?: number;
  fresh?: boolean;
}

/** Places in bytes of UTF-8 as places in a string. */
export function unitsOf(text: string, bytes: number[]): number[] {
  const places = new Map<number, number>([[0, 0]]);
  let at = 0, unit = 0;
  for (const c of text) {
    const code = c.codePointAt(0)!;
    at += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    unit += c.length;
    places.set(at, unit);
  }
  return bytes.map(b => places.get(b) ?? text.length);
}

/** The marks of `old` that still stand on the same words in `now`, moved by what was put in between. */
export function moved(marks: Mark[], old: string, now: string): Mark[] {
  if (old === now) return marks;
  const most = Math.min(old.length, now.length);
  let before = 0, after = 0;
  while (before < most && old[before] === now[before]) ++before;
  while (after < most - before && old[old.length - 1 - after] === now[now.length - 1 - after]) ++after;
  const by = now.length - old.length;
  return marks.flatMap(m => (m.end <= before ? [m] : m.begin >= old.length - after ? [{ ...m, begin: m.begin + by, end: m.end + by }] : []));
}

export function Sheet(props: {
  text: string;
  marks: Mark[];
  label: string;
  hint: string;
  change: (text: string) => void;
  busy?: boolean; // somebody else writes
  tall?: boolean;
  onKeyDown?: (event: KeyboardEvent) => void;
}) {
  const { text } = props;
  const field = useRef<HTMLTextAreaElement>(null);
  useLayoutEffect(() => {
    if (field.current!.value !== text) field.current!.value = text; // a value that is set again moves the cursor
  }, [text]);
  const parts = [];
  let at = 0;
  for (const m of [...props.marks].sort((a, b) => a.begin - b.begin)) {
    if (m.begin < at || m.end > text.length) continue;
    parts.push(text.slice(at, m.begin));
    const strength = m.strength ?? 0;
    parts.push(
      <mark class={m.fresh ? 'fresh' : strength < 0 ? 'against' : 'for'} style={m.fresh ? undefined : { '--strength': Math.abs(strength).toFixed(3) }}>
        {text.slice(m.begin, m.end)}
      </mark>,
    );
    at = m.end;
  }
  parts.push(text.slice(at));
  return (
    <div class={'sheet' + (props.tall ? ' tall' : '')}>
      <div class="under-text" aria-hidden="true">
        {parts}
        {'\u200b'}
      </div>
      <textarea
        ref={field}
        aria-label={props.label}
        placeholder={props.hint}
        spellcheck={false}
        readOnly={props.busy}
        onInput={e => props.change(e.currentTarget.value)}
        onKeyDown={props.onKeyDown}
      />
    </div>
  );
}
