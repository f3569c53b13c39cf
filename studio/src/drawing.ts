// What is on the pad, shared by the views that look at it.
import type { Frame, Input } from './api';
import { inkPicture, placement, type Placement, type Stroke } from './ink';
import { Signal } from './signal';

interface Drawing {
  changes: Signal;
  strokes: Stroke[];
  /** A picture that was dropped or chosen, in place of strokes. */
  file: { bytes: Blob; url: string; width: number; height: number; ink: boolean } | null;
}

export const drawing: Drawing = { changes: new Signal(), strokes: [], file: null };
export const isEmpty = () => !drawing.file && drawing.strokes.length === 0;

export function clear(): void {
  drawing.strokes = [];
  drop();
  drawing.changes.tell(true);
}

function drop(): void {
  if (drawing.file) URL.revokeObjectURL(drawing.file.url);
  drawing.file = null;
}

/** Takes a picture's file; throws when the browser cannot read it. */
export async function take(bytes: Blob, ink: boolean): Promise<void> {
  const url = URL.createObjectURL(bytes);
  const image = new Image();
  image.src = url;
  await image.decode();
  drop();
  drawing.strokes = [];
  drawing.file = { bytes, url, width: image.naturalWidth, height: image.naturalHeight, ink };
  drawing.changes.tell(true);
}

/** What is sent to the server, and how the pad's unit square lies in it. */
export interface Shown extends Input {
  place: Placement;
}
export async function picture(): Promise<Shown | null> {
  if (drawing.file) {
    const { bytes, width, height, ink } = drawing.file;
    const scale = Math.max(width, height); // shown whole, in the middle of the pad
    return { bytes, form: ink ? 'ink' : 'picture', place: { scale, x: (width - scale) / 2, y: (height - scale) / 2 } };
  }
  if (drawing.strokes.length === 0) return null;
  const place = placement(drawing.strokes);
  return { bytes: inkPicture(drawing.strokes), form: 'ink', place };
}

/** A frame on the picture as a frame on the pad, in units of its side. */
export const onPad = (frame: Frame, { scale, x, y }: Placement): Frame => ({
  left: (frame.left - x) / scale,
  top: (frame.top - y) / scale,
  width: frame.width / scale,
  height: frame.height / scale,
});
