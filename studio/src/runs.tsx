// Runs: every training, its curves as they come, and its report.
import { useEffect, useState } from 'preact/hooks';
import { api, type Epoch, type Run } from './api';
import { Curves, CURVES, type Curve, COLOURS } from './curves';
import { Lead, Trouble, useLoad } from './parts';
import { moment, percent, t, whole } from './words';

export function Runs() {
  const { data, failure, reload } = useLoad(api.runs, []);
  const [shown, setShown] = useState<string[] | null>(null);
  const [epochs, setEpochs] = useState<Record<string, Epoch[]>>({});
  const [curve, setCurve] = useState<Curve>('validation_accuracy');
  const [trouble, setTrouble] = useState<unknown>(null);

  // At first what trains now, or the latest.
  useEffect(() => {
    if (data && shown === null) {
      const training = data.filter(run => run.state === 'training');
      setShown((training.length ? training : data.slice(0, 1)).map(run => run.name));
    }
  }, [data]);
  // New runs and states, as long as somebody looks.
  useEffect(() => {
    const timer = setInterval(() => document.hidden || reload(), 3000);
    return () => clearInterval(timer);
  }, [reload]);
  // One stream for each run that is shown.
  const names = (shown ?? []).join('\n');
  useEffect(() => {
    const stop = new AbortController();
    for (const name of shown ?? []) {
      const got: Epoch[] = [];
      api
        .epochs(name, e => {
          got.push(e);
          setEpochs(all => ({ ...all, [name]: [...got] }));
        }, stop.signal)
        .then(reload, reason => stop.signal.aborted || setTrouble(reason));
    }
    return () => stop.abort();
  }, [names]);

  const open = async (run: Run) => {
    // Opened before the answer is there, or the browser takes it for an advertisement.
    const page = window.open('', '_blank');
    try {
      const url = URL.createObjectURL(await api.report(run.name));
      if (page) page.location.href = url;
      else location.href = url;
    } catch (reason) {
      page?.close();
      setTrouble(reason);
    }
  };

  const runs = data ?? [];
  const colour = (name: string) => (shown ?? []).indexOf(name);
  const drawn = (shown ?? []).map((name, i) => ({ name, colour: i, epochs: epochs[name] ?? [] }));
  return (
    <>
      <Lead title={t('runs')} text={t('runs_lead')} />
      <Trouble failure={failure ?? trouble} retry={reload} />
      {data && runs.length === 0 && (
        <div class="empty">
          <p class="sentence">{t('runs_empty')}</p>
          <p class="quiet">{t('runs_empty_lead')}</p>
        </div>
      )}
      {runs.length > 0 && (
        <>
          <label class="pick">
            <span class="quiet">{t('curve')}</span>{' '}
            <select value={curve} onChange={e => setCurve(e.currentTarget.value as Curve)}>
              {CURVES.map(name => (
                <option value={name}>{t(name)}</option>
              ))}
            </select>
          </label>
          <Curves runs={drawn} curve={curve} />
          <div class="scroll">
            <table class="rows runs">
              <thead>
                <tr>
                  <th scope="col">{t('run')}</th>
                  <th scope="col">{t('state')}</th>
                  <th scope="col">{t('when')}</th>
                  <th scope="col" class="number">{t('epochs')}</th>
                  <th scope="col" class="number">{t('validation')}</th>
                  <th scope="col" class="number">{t('test')}</th>
                  <th scope="col" class="number">{t('parameters')}</th>
                  <th scope="col">{t('report')}</th>
                </tr>
              </thead>
              <tbody>
                {runs.map(run => (
                  <tr key={run.name}>
                    <th scope="row">
                      <label class="check">
                        <input
                          type="checkbox"
                          aria-label={t('show_run', { name: run.name })}
                          checked={colour(run.name) >= 0}
                          onChange={e => setShown(e.currentTarget.checked ? [...(shown ?? []), run.name].slice(-COLOURS) : (shown ?? []).filter(name => name !== run.name))}
                        />
                        <i class="swatch" style={{ background: colour(run.name) >= 0 ? `var(--c${colour(run.name)})` : 'transparent' }} />
                        {run.name}
                      </label>
                    </th>
                    <td class={run.state === 'training' ? 'good' : ''}>{t(run.state)}</td>
                    <td>{moment(run.time)}</td>
                    <td class="number">{run.planned && run.planned !== run.epochs ? `${run.epochs} / ${run.planned}` : run.epochs}</td>
                    <td class="number">{percent(run.validation, 2)}</td>
                    <td class="number">{percent(run.accuracy, 2)}</td>
                    <td class="number">{run.parameters === null ? '–' : whole(run.parameters)}</td>
                    <td>
                      {run.report && (
                        <button type="button" class="link" aria-label={`${t('report')}: ${run.name}`} onClick={() => void open(run)}>
                          {t('open')}
                        </button>
                      )}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </>
      )}
    </>
  );
}
