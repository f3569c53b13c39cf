// Curves of several runs on one chart, drawn on as epochs come in.
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import type { Epoch } from './api';
import { isDark, useSettings } from './settings';
import { t } from './words';

export type Curve = 'validation_accuracy' | 'validation_loss' | 'train_loss' | 'train_accuracy' | 'learning_rate';
export const CURVES: Curve[] = ['validation_accuracy', 'validation_loss', 'train_accuracy', 'train_loss', 'learning_rate'];
export const COLOURS = 8;

/** The series of all runs over the union of their epochs. */
function table(runs: { epochs: Epoch[] }[], curve: Curve): uPlot.AlignedData {
  const last = Math.max(1, ...runs.flatMap(run => run.epochs.map(e => e.epoch)));
  const x = Array.from({ length: last }, (_, i) => i + 1);
  return [x, ...runs.map(({ epochs }) => {
    const of = new Map(epochs.map(e => [e.epoch, e[curve]]));
    return x.map(epoch => of.get(epoch) ?? null);
  })];
}

const digits = (value: number) => (value === 0 ? '0' : Math.abs(value) < 1e-3 ? value.toExponential(1) : String(Number(value.toPrecision(4))));

export function Curves({ runs, curve }: { runs: { name: string; colour: number; epochs: Epoch[] }[]; curve: Curve }) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const settings = useSettings();
  const names = runs.map(run => run.name).join('\n');

  useEffect(() => {
    const element = box.current;
    if (!element) return; // the view was left before it was drawn
    const style = getComputedStyle(document.documentElement);
    const ink = style.getPropertyValue('--soft').trim(), line = style.getPropertyValue('--line').trim();
    const font = `12px ${getComputedStyle(document.body).fontFamily}`;
    const size = () => ({ width: element.clientWidth, height: Math.max(220, Math.min(360, element.clientWidth * 0.5)) });
    const axis: uPlot.Axis = { stroke: ink, font, labelFont: font, grid: { stroke: line, width: 1 }, ticks: { show: false } };
    const made = new uPlot(
      {
        ...size(),
        scales: { x: { time: false, range: (_, low, high) => (low === high ? [low - 0.5, high + 0.5] : [low, high]) } },
        axes: [
          { ...axis, label: t('epoch'), labelSize: 20, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500], size: 30 },
          { ...axis, size: 56, values: (_, ticks) => ticks.map(digits) },
        ],
        series: [
          { label: t('epoch') },
          ...runs.map(({ name, colour }) => ({
            label: name,
            stroke: style.getPropertyValue(`--c${colour % COLOURS}`).trim(),
            width: 2,
            points: { size: 6 },
            value: (_: uPlot, value: number | null) => (value === null ? '–' : digits(value)),
          })),
        ],
        cursor: { points: { size: 8 }, drag: { x: false, y: false } },
      },
      table(runs, curve),
      element,
    );
    plot.current = made;
    const resized = new ResizeObserver(() => made.setSize(size()));
    resized.observe(element);
    return () => (resized.disconnect(), made.destroy(), (plot.current = null));
  }, [names, curve, settings.language, isDark()]);

  useEffect(() => plot.current?.setData(table(runs, curve)), [runs]);

  return <div class="curves" ref={box} role="img" aria-label={t('chart_of', { curve: t(curve), runs: runs.map(run => run.name).join(', ') })} />;
}
