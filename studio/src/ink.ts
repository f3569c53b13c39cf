// What the pen did, and the picture of it that is sent.

/** Points of one line, in units of the pad's side: 0 … 1. */
export type Stroke = [number, number][];

const SIDE = 168; // of the picture: six times MNIST's 28, fine enough that scaling it down loses nothing
const BOX = 120; // of the ink in it
const PEN = 13; // about 2.2 pixels of MNIST's 28

/** The pad's square as the picture's: picture = pad * scale + (x, y). */
export interface Placement {
  scale: number;
  x: number;
  y: number;
}

/** Brings the strokes to one size, so that small writing does not get a thick pen. */
export function placement(strokes: Stroke[]): Placement {
  let left = 1, top = 1, right = 0, bottom = 0;
  for (const stroke of strokes)
    for (const [x, y] of stroke) {
      left = Math.min(left, x), right = Math.max(right, x);
      top = Math.min(top, y), bottom = Math.max(bottom, y);
    }
  const extent = Math.max(right - left, bottom - top, 0.08); // a dot stays a dot
  const scale = (BOX - PEN) / extent;
  return { scale, x: SIDE / 2 - (scale * (left + right)) / 2, y: SIDE / 2 - (scale * (top + bottom)) / 2 };
}

/** Draws strokes; points become a line through their midpoints, which is as smooth as a pen. */
export function trace(context: CanvasRenderingContext2D, strokes: Stroke[], { scale, x, y }: Placement, pen: number): void {
  context.lineCap = context.lineJoin = 'round';
  context.lineWidth = pen;
  for (const stroke of strokes) {
    const points = stroke.map(([px, py]) => [px * scale + x, py * scale + y] as const);
    const [first, ...rest] = points;
    context.beginPath();
    context.moveTo(first[0], first[1]);
    if (rest.length === 0) context.lineTo(first[0] + 0.01, first[1]);
    rest.forEach(([cx, cy], i) => {
      const next = rest[i + 1];
      if (next) context.quadraticCurveTo(cx, cy, (cx + next[0]) / 2, (cy + next[1]) / 2);
      else context.lineTo(cx, cy);
    });
    context.stroke();
  }
}

let sheet: HTMLCanvasElement | undefined;

/** White ink on black as a PNG. Encoded at once: toBlob() waits for the browser to be idle, longer than this takes. */
export function inkPicture(strokes: Stroke[]): Blob {
  if (!sheet) {
    sheet = document.createElement('canvas');
    sheet.width = sheet.height = SIDE;
  }
  const context = sheet.getContext('2d', { willReadFrequently: true })!;
  context.fillStyle = '#000';
  context.fillRect(0, 0, SIDE, SIDE);
  context.strokeStyle = '#fff';
  trace(context, strokes, placement(strokes), PEN);
  const base64 = sheet.toDataURL('image/png').split(',')[1];
  return new Blob([Uint8Array.from(atob(base64), c => c.charCodeAt(0))], { type: 'image/png' });
}
