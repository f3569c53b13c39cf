// Queue: what the network left to people, oldest first; a key answers.
import { useEffect, useLayoutEffect, useState } from 'preact/hooks';
import { api, textOf, type Model, type Row, type Waiting } from './api';
import { ClassButtons, keysOf, Lead, offered, Person, person, RowList, Tile, Trouble, useLoad } from './parts';
import { moment, probability, t, type Word } from './words';

const WHAT: Record<Model['kind'], Word> = { image: 'picture_of', text: 'text_of', table: 'row_of', language: 'text_of' };

/** What the decision was about, as the network saw it. */
function Shown({ item }: { item: Waiting }) {
  if (item.media_type.startsWith('image/')) return <Tile picture={item.input} alt={t('picture_of', { n: item.decision })} size={252} />;
  const text = textOf(item.input);
  return item.media_type.startsWith('text/') ? <blockquote>{text}</blockquote> : <RowList row={JSON.parse(text) as Row} />;
}

/** The first of a text, or the first values of a row. */
const shortly = (item: Waiting): string => {
  const text = textOf(item.input);
  const whole = item.media_type.startsWith('text/') ? text : Object.values(JSON.parse(text) as Row).map(v => v ?? '–').join(' · ');
  return whole.length > 60 ? whole.slice(0, 59) + '…' : whole;
};

export function Queue({ model, answered }: { model: Model; answered: () => void }) {
  const { data, failure, reload } = useLoad(signal => api.queue(model.name, signal), [model.name, model.version]);
  const [at, setAt] = useState(0);
  const [done, setDone] = useState<Map<number, string>>(new Map()); // id and what was said
  const [trouble, setTrouble] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  useEffect(() => (setAt(0), setDone(new Map())), [data]);

  const items = data ?? [];
  const item: Waiting | undefined = items[at];
  const left = items.filter(i => !done.has(i.decision)).length;

  const answer = async (label: string) => {
    if (!item || busy) return;
    setBusy(true);
    try {
      await api.feedback(model.name, item.decision, label, person());
      setDone(new Map(done).set(item.decision, label));
      setTrouble(null);
      answered();
      // The end of the list: what came in meanwhile.
      if (at + 1 < items.length) setAt(at + 1);
      else reload();
    } catch (reason) {
      setTrouble(reason);
    }
    setBusy(false);
  };
  const step = (by: number) => setAt(Math.max(0, Math.min(items.length - 1, at + by)));

  // Before it is painted: who sees the case may press its key.
  useLayoutEffect(() => {
    const shown = offered(model.classes, item?.probabilities), keys = keysOf(shown);
    const onKey = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || (event.target as Element).closest('input, select, textarea')) return;
      const label = shown[keys.indexOf(event.key)];
      if (label !== undefined && event.key !== '') void answer(label);
      else if (event.key === 'ArrowRight') step(1);
      else if (event.key === 'ArrowLeft') step(-1);
      else return;
      event.preventDefault();
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  });

  if (!model.learns) return <Lead title={t('queue')} text={t('not_learning')} />;
  return (
    <>
      <Lead title={t('queue')} text={t('queue_lead')} />
      <Trouble failure={failure ?? trouble} retry={reload} />
      {data && !item && (
        <div class="empty">
          <p class="sentence">{t('queue_empty')}</p>
          <p class="quiet">{t('queue_empty_lead')}</p>
        </div>
      )}
      {item && (
        <div class="queue">
          <div class={'case ' + model.kind}>
            <Shown item={item} />
            <div>
              <p class="quiet">
                #{item.decision} · {moment(item.time)} · {t(item.reason === 'unfamiliar' ? 'unfamiliar' : 'unsure')}
              </p>
              <p class="sentence">{t('guess', { label: item.label, p: probability(item.probability) })}</p>
              <div class="row">
                <h2>{t('it_is')}</h2>
                <Person />
              </div>
              <ClassButtons classes={model.classes} probabilities={item.probabilities} keys busy={busy} choose={label => void answer(label)} />
              <div class="row">
                <button type="button" class="plain" disabled={at === 0} onClick={() => step(-1)}>
                  ← {t('back')}
                </button>
                <button type="button" class="plain" disabled={at + 1 >= items.length} onClick={() => step(1)}>
                  {t('skip_it')} →
                </button>
                <span class="quiet" role="status">
                  {done.has(item.decision) ? t('said', { label: done.get(item.decision)! }) : left === 1 ? t('one_waits') : t('n_wait', { n: left })}
                </span>
              </div>
              <p class="quiet keys">{t('queue_keys')}</p>
            </div>
          </div>
          <ol class={'strip ' + model.kind} aria-label={t('waiting')}>
            {items.map((i, n) => (
              <li key={i.decision}>
                <button type="button" aria-current={n === at} aria-label={t(WHAT[model.kind], { n: i.decision })} onClick={() => setAt(n)}>
                  {i.media_type.startsWith('image/') ? <Tile picture={i.input} alt="" size={44} /> : <em>{shortly(i)}</em>}
                  <span>{done.get(i.decision) ?? ''}</span>
                </button>
              </li>
            ))}
          </ol>
        </div>
      )}
    </>
  );
}
