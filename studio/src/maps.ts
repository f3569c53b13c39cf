// Numbers to pixels: explanations and activations as small pictures.
import type { Explanation } from './api';

/** The colours of "for" and "against" from the style sheet. */
function colour(name: string): [number, number, number] {
  const [r, g, b] = getComputedStyle(document.documentElement).getPropertyValue(name).trim().split(/\s+/).map(Number);
  return [r, g, b];
}

/** An explanation as a see-through picture: the stronger a part, the less see-through. */
export function heat({ map }: Explanation): HTMLCanvasElement {
  const [height, width] = map.shape;
  const canvas = document.createElement('canvas');
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext('2d')!;
  const image = context.createImageData(width, height);
  // All but the hundredth part of the strongest pixels stay below full strength.
  const sizes = map.data.map(Math.abs).sort((a, b) => a - b);
  const full = sizes[Math.floor((sizes.length * 99) / 100)] || sizes[sizes.length - 1] || 1;
  const supports = colour('--good'), opposes = colour('--bad');
  map.data.forEach((value, i) => {
    image.data.set(value > 0 ? supports : opposes, i * 4);
    image.data[i * 4 + 3] = Math.round(235 * Math.min(1, Math.abs(value) / full) ** 0.8);
  });
  context.putImageData(image, 0, 0);
  return canvas;
}

/** A matrix of bytes, a pixel a number. */
export const rowsOf = (canvas: HTMLCanvasElement, bytes: Uint8Array, height: number, width: number): void => sheet(canvas, bytes, 1, height, width, 1, 0);

/** `count` maps of height x width, one after another, as a sheet with `gap` pixels between them. */
export function sheet(canvas: HTMLCanvasElement, bytes: Uint8Array, count: number, height: number, width: number, columns: number, gap: number): void {
  const rows = Math.ceil(count / columns);
  canvas.width = columns * (width + gap) - gap;
  canvas.height = rows * (height + gap) - gap;
  const context = canvas.getContext('2d')!;
  const image = context.createImageData(canvas.width, canvas.height);
  const low = colour('--map-low'), high = colour('--map-high');
  for (let n = 0; n < count; ++n)
    for (let y = 0; y < height; ++y)
      for (let x = 0; x < width; ++x) {
        const share = bytes[(n * height + y) * width + x] / 255;
        const at = ((Math.floor(n / columns) * (height + gap) + y) * canvas.width + (n % columns) * (width + gap) + x) * 4;
        for (let c = 0; c < 3; ++c) image.data[at + c] = low[c] + share * (high[c] - low[c]);
        image.data[at + 3] = 255;
      }
  context.putImageData(image, 0, 0);
}
