// What is on the pad, shared by the views that look at it.
import { useEffect, useReducer } from 'preact/hooks';
import type { Frame, Picture } from './api';
import { inkPicture, placement, type Placement, type Stroke } from './ink';

interface Drawing {
  strokes: Stroke[];
  /** A picture that was dropped or chosen, in place of strokes. */
  file: { bytes: Blob; url: string; width: number; height: number; ink: boolean } | null;
}

export const drawing: Drawing = { strokes: [], file: null };
export const isEmpty = () => !drawing.file && drawing.strokes.length === 0;

const watchers = new Set<(settled: boolean) => void>();

/** Tells everybody; `settled` when the pen was lifted. */
export function changed(settled: boolean): void {
  for (const watcher of watchers) watcher(settled);
}

export function watch(watcher: (settled: boolean) => void): () => void {
  watchers.add(watcher);
  return () => void watchers.delete(watcher);
}

/** Draws a component again when a stroke has ended. */
export function useDrawing(): Drawing {
  const [, draw] = useReducer((n: number) => n + 1, 0);
  useEffect(() => watch(settled => settled && draw(undefined)), []);
  return drawing;
}

export function clear(): void {
  drawing.strokes = [];
  drop();
  changed(true);
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
  changed(true);
}

/** What is sent to the server, and how the pad's unit square lies in it. */
export async function picture(): Promise<{ picture: Picture; place: Placement } | null> {
  if (drawing.file) {
    const { bytes, width, height, ink } = drawing.file;
    const scale = Math.max(width, height); // shown whole, in the middle of the pad
    return { picture: { bytes, form: ink ? 'ink' : 'picture' }, place: { scale, x: (width - scale) / 2, y: (height - scale) / 2 } };
  }
  if (drawing.strokes.length === 0) return null;
  const place = placement(drawing.strokes);
  return { picture: { bytes: await inkPicture(drawing.strokes), form: 'ink' }, place };
}

/** A frame on the picture as a frame on the pad, in units of its side. */
export const onPad = (frame: Frame, { scale, x, y }: Placement): Frame => ({
  left: (frame.left - x) / scale,
  top: (frame.top - y) / scale,
  width: frame.width / scale,
  height: frame.height / scale,
});
