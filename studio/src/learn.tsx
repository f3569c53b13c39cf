// Learn: corrections become a version; versions can be compared and restored.
import { useState } from 'preact/hooks';
import { api, type Comparison, type Learning, type Model, type Update, type Version } from './api';
import { Lead, Trouble, useLoad } from './parts';
import { moment, outcome, percent, t, whole } from './words';

export function Learn({ model, learned }: { model: Model; learned: () => void }) {
  const { data, failure, reload } = useLoad(signal => api.learning(model.name, signal), [model.name, model.version]);
  const [busy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState<unknown>(null);
  const [update, setUpdate] = useState<Update | null>(null);
  const [comparison, setComparison] = useState<{ first: number; second: number; counts: Comparison } | null>(null);
  if (!model.learns) return <Lead title={t('learn')} text={t('not_learning')} />;

  const during = async (work: () => Promise<void>) => {
    setBusy(true);
    try {
      await work();
      setTrouble(null);
    } catch (reason) {
      setTrouble(reason);
    }
    setBusy(false);
  };
  const learn = () =>
    during(async () => {
      setUpdate(await api.learn(model.name));
      learned();
      reload();
    });
  const restore = (version: Version) =>
    during(async () => {
      await api.restore(model.name, version.number);
      setComparison(null);
      learned();
      reload();
    });
  const compare = (version: Version, live: Version) =>
    during(async () => {
      setComparison({ first: version.number, second: live.number, counts: await api.compare(model.name, version.number, live.number) });
    });

  const waiting = data?.waiting ?? 0;
  const live = data?.versions.find(v => v.live);
  return (
    <>
      <Lead title={t('learn')} text={t('learn_lead')} />
      <Trouble failure={failure ?? trouble} retry={reload} />
      {data && (
        <div class="learn">
          <section class="now">
            <p class="sentence" role="status">
              {busy ? t('learning') : waiting === 0 ? t('pending_none') : waiting === 1 ? t('pending_one') : t('pending', { n: whole(waiting) })}
            </p>
            <button type="button" class={'primary' + (busy ? ' working' : '')} disabled={busy || waiting === 0} onClick={() => void learn()}>
              {t('learn_now')}
            </button>
          </section>
          {update && <Outcome update={update} />}

          <section>
            <h2>{t('versions')}</h2>
            <div class="scroll">
              <table class="rows">
                <thead>
                  <tr>
                    <th scope="col">{t('version_head')}</th>
                    <th scope="col">{t('from')}</th>
                    <th scope="col">{t('when')}</th>
                    <th scope="col" class="number">{t('corrections')}</th>
                    <th scope="col" class="number">{t('held_back_head')}</th>
                    <th />
                  </tr>
                </thead>
                <tbody>
                  {[...data.versions].reverse().map(v => (
                    <tr key={v.number} class={v.live ? 'live' : ''}>
                      <th scope="row">
                        {v.number} {v.live && <span class="badge">{t('live')}</span>}
                      </th>
                      <td>{v.parent ? v.parent : t('from_training')}</td>
                      <td>{moment(v.time)}</td>
                      <td class="number">{whole(v.corrections)}</td>
                      <td class="number">{percent(v.accuracy, 2)}</td>
                      <td class="actions">
                        {!v.live && live && (
                          <>
                            <button type="button" class="plain" disabled={busy} onClick={() => void compare(v, live)}>
                              {t('compare')}
                            </button>
                            <button type="button" class="plain" disabled={busy} onClick={() => void restore(v)}>
                              {t('make_live')}
                            </button>
                          </>
                        )}
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
            {comparison && <Compared {...comparison} />}
          </section>
          <Said learning={data} />
        </div>
      )}
    </>
  );
}

function Outcome({ update }: { update: Update }) {
  const live = update.to > 0;
  const low = Math.min(update.accuracy_before, update.accuracy_after);
  const floor = Math.max(0, Math.floor(low * 50 - 0.5) / 50); // the bars start at a round figure below both
  const bar = (key: 'before' | 'after', value: number) => (
    <div class="measure">
      <span>{t(key)}</span>
      <span class="track">
        <i style={{ transform: `scaleX(${(value - floor) / (1 - floor)})` }} />
      </span>
      <b>{percent(value, 2)}</b>
    </div>
  );
  return (
    <section class={'outcome' + (live ? '' : ' held')} role="status">
      <p class="sentence">{live ? t('went_live', { n: update.to }) : t('stays', { n: update.from })}</p>
      <div class="measures">
        {bar('before', update.accuracy_before)}
        {bar('after', update.accuracy_after)}
        <p class="quiet">
          {t('held_back')} · {t('learned_from', { n: update.corrections, k: update.set_aside })}
        </p>
      </div>
      <p class="quiet">{outcome(update)}</p>
    </section>
  );
}

function Compared({ first, second, counts }: { first: number; second: number; counts: Comparison }) {
  const parts: [string, number, string][] = [
    [t('both'), counts.both, 'both'],
    [t('only', { n: first }), counts.only_first, 'first'],
    [t('only', { n: second }), counts.only_second, 'second'],
    [t('neither'), counts.neither, 'neither'],
  ];
  return (
    <figure class="compared" role="status">
      <figcaption>{t('compared', { a: first, b: second })}</figcaption>
      <dl>
        {parts.map(([name, n, kind]) => (
          <div class={kind}>
            <dt>{name}</dt>
            <dd>{whole(n)}</dd>
          </div>
        ))}
      </dl>
    </figure>
  );
}

function Said({ learning }: { learning: Learning }) {
  const latest = [...learning.corrections].reverse().slice(0, 50);
  return (
    <section>
      <h2>{t('what_people_said')}</h2>
      {latest.length === 0 && <p class="quiet">{t('nothing_said')}</p>}
      {latest.length > 0 && (
        <div class="scroll">
          <table class="rows">
            <thead>
              <tr>
                <th scope="col">{t('when')}</th>
                <th scope="col">{t('person')}</th>
                <th scope="col">{t('network_said')}</th>
                <th scope="col">{t('person_said')}</th>
                <th scope="col" class="number">{t('trust')}</th>
                <th scope="col" class="number">{t('version_head')}</th>
              </tr>
            </thead>
            <tbody>
              {latest.map(c => (
                <tr key={c.id}>
                  <td>{moment(c.time)}</td>
                  <td class="wrap">{c.person}</td>
                  <td>{c.said}</td>
                  <td>
                    <b class={c.said === c.label ? '' : 'good'}>{c.label}</b>
                  </td>
                  <td class="number">{c.trust === null ? t('not_yet') : percent(c.trust, 0)}</td>
                  <td class="number">{c.version || '–'}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}
