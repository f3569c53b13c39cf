// Try, for texts: the answer follows what is typed, and the words that speak for and against it are coloured.
import { useEffect, useMemo, useState } from 'preact/hooks';
import { Legend, Say, Time, useAnswer, useReason, Verdict } from './answer';
import { api, type Model, type TextExplanation } from './api';
import { Adds, Bars, Trouble } from './parts';
import { useSettings } from './settings';
import { moved, Sheet, unitsOf, type Mark } from './sheet';
import { draftOf, useChanges } from './subject';
import { percent, t } from './words';

const LISTED = 6; // words, those that count most

/** Marks of an explanation; the strongest word is the fullest. */
function marksOf(text: string, { parts }: TextExplanation): Mark[] {
  const most = Math.max(...parts.map(p => Math.abs(p.adds)), 1e-9);
  const begins = unitsOf(text, parts.map(p => p.begin)), ends = unitsOf(text, parts.map(p => p.end));
  return parts.map((p, i) => ({ begin: begins[i], end: ends[i], strength: p.adds / most })).filter(m => Math.abs(m.strength) > 0.02);
}

export function TryText({ model, learned }: { model: Model; learned: () => void }) {
  useSettings();
  const draft = draftOf(model);
  useChanges(draft.changes);
  const { answer, failure, again } = useAnswer(model, draft);
  const [method, setMethod] = useState(model.methods[0]);
  const [showWhy, setShowWhy] = useState(true);
  const [asked, setAsked] = useState<string | null>(null); // the class to explain, when it is not the answer
  const look = answer?.look ?? null;
  const explained = look && (asked ?? look.label);
  useEffect(() => draft.changes.watch(() => setAsked(null)), []);

  const why = useReason(
    answer,
    60,
    showWhy && explained
      ? async (input, signal) => {
          const explanation = await api.explain<TextExplanation>(model.name, input, method, model.classes.indexOf(explained), signal);
          const text = await input.bytes.text();
          return { explanation, text, marks: marksOf(text, explanation) };
        }
      : null,
    [explained, method, showWhy],
  );
  const similar = useReason(answer, 250, (input, signal) => api.similar(model.name, input, signal), []);
  const marks = useMemo(() => (why.value ? moved(why.value.marks, why.value.text, draft.text) : []), [why.value, draft.text]);
  const strongest = [...(why.value?.explanation.parts ?? [])].sort((a, b) => Math.abs(b.adds) - Math.abs(a.adds)).slice(0, LISTED);

  return (
    <div class="try of-text">
      <section class="writing" aria-label={t('write_here')}>
        <Sheet text={draft.text} marks={marks} label={t('write_here')} hint={t('write_here')} change={text => (draft.text = text)} />
        <div class="tools">
          <button type="button" class="plain" disabled={!draft.text} onClick={() => (draft.text = '')}>
            {t('clear')}
          </button>
          <label class="check end">
            <input type="checkbox" checked={showWhy} onChange={e => setShowWhy(e.currentTarget.checked)} /> {t('show_why')}
          </label>
        </div>
        <Legend model={model} shown={marks.length > 0} method={method} choose={setMethod} />
      </section>

      <section class="answer">
        <Trouble failure={failure ?? why.failure ?? similar.failure} retry={again} />
        <Verdict model={model} answer={answer} />
        <Bars classes={model.classes} values={look?.probabilities ?? null} set={look?.set} chosen={explained ?? undefined} choose={setAsked} />
        {look && explained && explained !== look.label && <p class="quiet">{t('why_title', { label: explained })}</p>}
        {look && <Say model={model} subject={draft} look={look} learned={learned} />}
      </section>

      <section class="counts" hidden={strongest.length === 0}>
        <h2>{t('counts_most', { label: why.value?.explanation.label ?? '' })}</h2>
        <Adds parts={strongest.map(p => ({ name: p.text.trim() || p.text, adds: p.adds }))} />
      </section>

      <section class="reasons" hidden={!look}>
        {similar.value && similar.value.length > 0 && (
          <figure class="alike">
            <figcaption>{t('looks_like')}</figcaption>
            <ul>
              {similar.value.map(n => (
                <li>
                  <b class={n.label === look?.label ? '' : 'wrong'}>{n.label}</b>
                  <span>{n.text}</span>
                  <span class="quiet">{percent(n.similarity, 0)}</span>
                </li>
              ))}
            </ul>
          </figure>
        )}
        <Time model={model} answer={answer} />
      </section>
    </div>
  );
}
