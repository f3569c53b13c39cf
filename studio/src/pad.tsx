// The drawing pad: pen, finger, mouse or arrow keys; the explanation lies over what was drawn.
import { useEffect, useRef } from 'preact/hooks';
import type { Frame } from './api';
import { drawing, isEmpty } from './drawing';
import { trace, type Stroke } from './ink';
import { useSettings } from './settings';
import { useChanges } from './subject';
import { t } from './words';

const PEN = 0.052; // of the pad's side
const STEP = 0.03; // of an arrow key

export function Pad(props: { heat: HTMLCanvasElement | null; frame: Frame | null; drop: (file: File) => void }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const current = useRef<Stroke | null>(null);
  const cursor = useRef<{ x: number; y: number; down: boolean } | null>(null);
  const settings = useSettings();
  useChanges(drawing.changes);
  const { file } = drawing;

  const paint = () => {
    const element = canvas.current;
    if (!element) return; // told just before it goes
    const side = Math.round(element.clientWidth * devicePixelRatio);
    if (side === 0) return;
    if (element.width !== side) element.width = element.height = side;
    const context = element.getContext('2d')!;
    context.clearRect(0, 0, side, side);
    const style = getComputedStyle(element);
    context.strokeStyle = style.getPropertyValue('--ink');
    trace(context, drawing.strokes, { scale: side, x: 0, y: 0 }, PEN * side);
    const { heat, frame } = props;
    if (heat && frame && !current.current) {
      context.imageSmoothingQuality = 'high';
      context.drawImage(heat, frame.left * side, frame.top * side, frame.width * side, frame.height * side);
    }
    const pen = cursor.current;
    if (pen && document.activeElement === element) {
      context.lineWidth = 2 * devicePixelRatio;
      context.strokeStyle = style.getPropertyValue('--accent');
      context.beginPath();
      context.arc(pen.x * side, pen.y * side, (PEN / 2) * side, 0, 2 * Math.PI);
      context.stroke();
    }
  };
  const latest = useRef(paint);
  latest.current = paint;

  useEffect(() => latest.current(), [props.heat, props.frame, settings.theme, settings.language]);
  useEffect(() => {
    const stop = drawing.changes.watch(() => latest.current());
    const resized = new ResizeObserver(() => latest.current());
    if (canvas.current) resized.observe(canvas.current);
    return () => (stop(), resized.disconnect());
  }, []);

  const place = (event: PointerEvent): [number, number] => {
    const box = canvas.current!.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  };
  const begin = (point: [number, number]) => {
    drawing.file = null;
    current.current = [point];
    drawing.strokes.push(current.current);
    drawing.changes.tell(false);
  };
  const end = () => {
    if (!current.current) return;
    current.current = null;
    drawing.changes.tell(true);
  };

  const onKeyDown = (event: KeyboardEvent) => {
    const move = ({ ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] } as Record<string, [number, number]>)[event.key];
    if (!move && event.key !== ' ') return;
    event.preventDefault();
    const pen = (cursor.current ??= { x: 0.5, y: 0.3, down: false });
    if (event.key === ' ') {
      pen.down = !pen.down;
      if (pen.down) begin([pen.x, pen.y]);
      else end();
    } else {
      pen.x = Math.min(0.97, Math.max(0.03, pen.x + move[0] * STEP));
      pen.y = Math.min(0.97, Math.max(0.03, pen.y + move[1] * STEP));
      if (pen.down) current.current?.push([pen.x, pen.y]), drawing.changes.tell(false);
    }
    latest.current();
  };

  return (
    <div
      class="pad"
      onDragOver={e => e.preventDefault()}
      onDrop={e => {
        e.preventDefault();
        const dropped = e.dataTransfer?.files[0];
        if (dropped) props.drop(dropped);
      }}
    >
      {file && <img src={file.url} alt="" />}
      {isEmpty() && (
        <p class="hint" aria-hidden="true">
          {t('draw_here')}
          <small>{t('or_drop')}</small>
        </p>
      )}
      <canvas
        ref={canvas}
        tabIndex={0}
        role="img"
        aria-label={t('pad')}
        onPointerDown={e => {
          if (e.button !== 0 || current.current) return;
          canvas.current!.setPointerCapture(e.pointerId);
          begin(place(e));
        }}
        onPointerMove={e => {
          if (!current.current || !canvas.current!.hasPointerCapture(e.pointerId)) return;
          const points = e.getCoalescedEvents?.() ?? [];
          for (const point of points.length ? points : [e]) current.current.push(place(point));
          drawing.changes.tell(false);
        }}
        onPointerUp={end}
        onPointerCancel={end}
        onKeyDown={onKeyDown}
        onFocus={() => latest.current()}
        onBlur={() => (end(), cursor.current && (cursor.current.down = false), latest.current())}
      />
    </div>
  );
}
