// Try, for rows of a table: a form whose answer follows what is filled in, with what each column adds beside it.
import { useEffect, useState } from 'preact/hooks';
import { Legend, Say, Time, useAnswer, useReason, Verdict } from './answer';
import { api, type Column, type Model, type Neighbour, type Row, type RowExplanation } from './api';
import { Addition, Bars, Trouble } from './parts';
import { useSettings } from './settings';
import { formOf, useChanges } from './subject';
import { percent, probability, t } from './words';

export function TryRow({ model, learned }: { model: Model; learned: () => void }) {
  useSettings();
  const form = formOf(model);
  useChanges(form.changes);
  const { answer, failure, again } = useAnswer(model, form);
  const [asked, setAsked] = useState<string | null>(null); // the class to explain, when it is not the answer
  const look = answer?.look ?? null;
  const explained = look && (asked ?? look.label);
  useEffect(() => form.changes.watch(() => setAsked(null)), []);

  const why = useReason(answer, 120, explained && model.methods.length ? (input, signal) => api.explain<RowExplanation>(model.name, input, model.methods[0], model.classes.indexOf(explained), signal) : null, [explained]);
  const similar = useReason(answer, 250, (input, signal) => api.similar(model.name, input, signal), []);
  const adds = new Map(why.value?.parts.map(p => [p.column, p.adds]));
  const most = Math.max(...[...adds.values()].map(Math.abs), 1e-9);
  const usual = form.usual();

  return (
    <div class="try">
      <section class="filling" aria-label={t('fill_in')}>
        <div class="fields">
          {model.columns.map(column => (
            <Field key={column.name} column={column} value={form.row[column.name] ?? null} adds={adds.get(column.name) ?? null} most={most} put={value => form.put({ [column.name]: value })} />
          ))}
        </div>
        <div class="tools">
          <button type="button" class="plain" disabled={model.columns.every(c => form.row[c.name] === usual[c.name])} onClick={() => form.put(usual)}>
            {t('usual_values')}
          </button>
        </div>
        <Legend model={model} shown={!!why.value} method="" choose={() => {}} />
        <p class="brief" aria-hidden="true">
          {look && (
            <>
              <b>{look.label}</b> <span>{probability(look.probability)}</span>
            </>
          )}
        </p>
      </section>

      <section class="answer">
        <Trouble failure={failure ?? why.failure ?? similar.failure} retry={again} />
        <Verdict model={model} answer={answer} />
        <Bars classes={model.classes} values={look?.probabilities ?? null} set={look?.set} chosen={explained ?? undefined} choose={setAsked} />
        {why.value && <p class="quiet">{t('from_usual', { label: why.value.label, usual: percent(why.value.usual, 0), p: probability(why.value.probability) })}</p>}
        {why.value && <Otherwise explanation={why.value} put={row => form.put(row)} />}
        {look && <Say model={model} subject={form} look={look} learned={learned} />}
      </section>

      <section class="reasons" hidden={!look}>
        {similar.value && similar.value.length > 0 && <Alike columns={model.columns} row={form.row} neighbours={similar.value} label={look?.label} />}
        <Time model={model} answer={answer} />
      </section>
    </div>
  );
}

function Field({ column, value, adds, most, put }: { column: Column; value: string | null; adds: number | null; most: number; put: (value: string | null) => void }) {
  const { name, low, high } = column;
  // As numbers for numbers, as text for dates, which are year first.
  const beyond = value !== null && low !== null && high !== null && (column.kind === 'number' ? Number(value) < Number(low) || Number(value) > Number(high) : value < low || value > high);
  const open = value === null && !column.missing;
  const range = low === null || low === high ? '' : t(beyond ? 'beyond_range' : 'range', { low, high: high! });
  return (
    <label class={'field' + (open ? ' open' : '') + (beyond ? ' beyond' : '')} title={range}>
      <b>{name}</b>
      {column.kind === 'category' ? (
        <select value={value ?? ''} onChange={e => put(e.currentTarget.value || null)}>
          {(column.missing || value === null) && <option value="">–</option>}
          {column.values.map(v => (
            <option value={v}>{v}</option>
          ))}
        </select>
      ) : (
        <input
          type={column.kind === 'date' ? 'date' : 'number'}
          step="any"
          value={value ?? ''}
          placeholder={open ? t('needed') : '–'}
          aria-invalid={open}
          onInput={e => put(e.currentTarget.value || null)}
        />
      )}
      <Addition adds={adds ?? 0} most={most} text={adds === null ? '' : signed(adds)} />
      {beyond && <small>{range}</small>}
    </label>
  );
}

const signed = (share: number) => (Math.abs(share) < 0.0005 ? '0' : (share < 0 ? '−' : '+') + percent(Math.abs(share)));

/** What would have to be different for another answer. */
function Otherwise({ explanation: { counterfactual: c }, put }: { explanation: RowExplanation; put: (row: Row) => void }) {
  return (
    <div class="otherwise">
      <h2>{t('otherwise')}</h2>
      {c.found ? (
        <>
          <ul>
            {c.changes.map(change => (
              <li>
                {change.column}: <s>{change.from ?? '–'}</s> → <b>{change.to ?? '–'}</b>
              </li>
            ))}
          </ul>
          <p class="quiet">
            {t('then', { label: c.label, p: probability(c.probability) })}{' '}
            <button type="button" class="link" onClick={() => put(Object.fromEntries(c.changes.map(change => [change.column, change.to])))}>
              {t('put_in')}
            </button>
          </p>
        </>
      ) : (
        <p class="quiet">{t('nothing_small')}</p>
      )}
    </div>
  );
}

/** Training rows, as a table; what differs from the row that was filled in stands out. */
function Alike({ columns, row, neighbours, label }: { columns: Column[]; row: Row; neighbours: Neighbour[]; label?: string }) {
  return (
    <figure class="alike">
      <figcaption>{t('looks_like')}</figcaption>
      <div class="scroll" tabIndex={0} role="group" aria-label={t('looks_like')}>
        <table class="rows">
          <thead>
            <tr>
              <th scope="col">{t('class')}</th>
              {columns.map(c => (
                <th scope="col" class={c.kind === 'number' ? 'number' : ''}>
                  {c.name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {neighbours.map(n => (
              <tr>
                <th scope="row" class={n.label === label ? '' : 'wrong'}>
                  {n.label}
                </th>
                {columns.map(c => (
                  <td class={(c.kind === 'number' ? 'number' : '') + (n.row?.[c.name] === row[c.name] ? ' same' : '')}>{n.row?.[c.name] ?? '–'}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </figure>
  );
}
