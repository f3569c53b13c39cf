// Write: a language model goes on with a text, word by word, and the reader with its.
import { useEffect, useRef, useState } from 'preact/hooks';
import { api, type Model } from './api';
import { Lead, Trouble } from './parts';
import { useSettings } from './settings';
import { Sheet, type Mark } from './sheet';
import { draftOf, useChanges } from './subject';
import { t } from './words';

export function Write({ model }: { model: Model }) {
  useSettings();
  const draft = draftOf(model);
  useChanges(draft.changes);
  const [temperature, setTemperature] = useState(0.8);
  const [share, setShare] = useState(1); // top_p
  const [length, setLength] = useState(200);
  const [seed, setSeed] = useState(1);
  const [fresh, setFresh] = useState<Mark | null>(null); // what it wrote last
  const [rate, setRate] = useState<number | null>(null); // characters a second
  const [trouble, setTrouble] = useState<unknown>(null);
  const running = useRef<AbortController | null>(null);
  const [busy, setBusy] = useState(false);
  useEffect(() => () => running.current?.abort(), []);

  const write = async (prompt: string, seed: number) => {
    running.current?.abort();
    const mine = (running.current = new AbortController());
    let text = prompt;
    setBusy(true), setTrouble(null), setRate(null), setFresh(null);
    draft.text = prompt;
    const begun = performance.now();
    try {
      await api.write(model.name, { prompt, max_tokens: length, temperature, top_p: share, seed }, piece => {
        if (mine.signal.aborted || !piece) return;
        text += piece;
        draft.text = text;
        setFresh({ begin: prompt.length, end: text.length, fresh: true });
        setRate((1000 * (text.length - prompt.length)) / (performance.now() - begun));
      }, mine.signal);
    } catch (reason) {
      if (!mine.signal.aborted) setTrouble(reason);
    }
    if (running.current === mine) running.current = null, setBusy(false);
  };
  const stop = () => running.current?.abort();
  const again = () => {
    setSeed(seed + 1);
    void write(draft.text.slice(0, fresh!.begin), seed + 1);
  };

  return (
    <>
      <Lead title={t('write')} text={t('write_lead')} />
      <Trouble failure={trouble} />
      <div class="write">
        <Sheet
          tall
          text={draft.text}
          marks={fresh ? [fresh] : []}
          label={t('begin_here')}
          hint={t('begin_here')}
          busy={busy}
          change={text => (setFresh(null), (draft.text = text))}
          onKeyDown={e => {
            if (e.key === 'Enter' && (e.ctrlKey || e.metaKey)) e.preventDefault(), busy || void write(draft.text, seed);
            if (e.key === 'Escape') stop();
          }}
        />
        <div class="controls">
          <div class="row">
            {busy ? (
              <button type="button" class="primary" onClick={stop}>
                {t('stop')}
              </button>
            ) : (
              <button type="button" class="primary" onClick={() => void write(draft.text, seed)}>
                {t('go_on')}
              </button>
            )}
            <button type="button" class="plain" disabled={busy || !fresh} onClick={again}>
              {t('rewrite')}
            </button>
            <button type="button" class="plain" disabled={busy || !draft.text} onClick={() => (setFresh(null), (draft.text = ''))}>
              {t('clear')}
            </button>
          </div>
          <Slider label={t('temperature')} hint={t('temperature_hint')} value={temperature} set={setTemperature} low={0} high={2} step={0.05} />
          <Slider label={t('top_p')} hint={t('top_p_hint')} value={share} set={setShare} low={0.05} high={1} step={0.05} />
          <Slider label={t('length')} hint={t('length_hint')} value={length} set={setLength} low={10} high={1000} step={10} />
          <label class="number-field">
            <span>{t('seed')}</span>
            <input type="number" min={0} step={1} value={seed} onInput={e => setSeed(Math.max(0, Math.floor(e.currentTarget.valueAsNumber) || 0))} />
          </label>
          <p class="quiet" role="status" data-rate={rate ?? ''}>
            {busy ? t('writing') : ''} {rate !== null && t('rate', { n: Math.round(rate) })}
          </p>
          <p class="quiet keys">{t('write_keys')}</p>
        </div>
      </div>
    </>
  );
}

const Slider = (props: { label: string; hint: string; value: number; set: (value: number) => void; low: number; high: number; step: number }) => (
  <label class="slider">
    <span>{props.label}</span>
    <output>{props.value}</output>
    <input type="range" min={props.low} max={props.high} step={props.step} value={props.value} onInput={e => props.set(e.currentTarget.valueAsNumber)} />
    <small>{props.hint}</small>
  </label>
);
