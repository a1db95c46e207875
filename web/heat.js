// Heatmaps: from the network's grid to smooth colours.

import { decode } from "./pictures.js";

// Stops at equal distances, RGB. Turbo: Mikhailov 2019; viridis: van der Walt and Smith 2015;
// cividis: Nuñez et al. 2018. The last two look alike with and without colour blindness.
const STOPS = {
  turbo: "30123b3f3e9c4666dd458cfd2fb2f41ad4d022ebaa52fa7a8bff4bb7f735dbe236f5c53afea130f9751de84b0cce2d04a916017a0403",
  cividis: "00224e1a386f434e6c61656f7d7c789a9376bbad6dddc858fee838",
  viridis: "440154472d7b3b528b2c728e21918c27ad815cc863aadc32fde725",
};
export const MAPS = Object.keys(STOPS);
const PER_CELL = 16;
/** As much of the hottest place is colour in the service's overlays (inference/overlay.py). */
const STRONGEST_COLOUR = 0.55;

const TABLES = Object.fromEntries(Object.entries(STOPS).map(([name, hex]) => {
  const stops = hex.match(/.{6}/g).map((each) => [0, 2, 4].map((at) => parseInt(each.slice(at, at + 2), 16)));
  return [name, Array.from({ length: 256 }, (_, level) => {
    const at = (level / 255) * (stops.length - 1);
    const below = Math.min(Math.floor(at), stops.length - 2);
    return stops[below].map((value, channel) => value + (at - below) * (stops[below + 1][channel] - value));
  })];
}));

const luma = (pixels, at) => 0.299 * pixels[at] + 0.587 * pixels[at + 1] + 0.114 * pixels[at + 2];
const LUMA = TABLES.turbo.map((each) => luma(each, 0));

/** RGB, 0–255, of a heat from 0 to 1. */
export const colour = (map, heat) => TABLES[map][Math.round(255 * heat)];

/** Bicubic values, 0–1, of a heatmap on width x height pixels, row by row. */
export function smooth({ rows, columns, values }, width, height) {
  const across = weights(columns, width), down = weights(rows, height);
  const wide = new Float32Array(rows * width), result = new Float32Array(width * height);
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < width; x++) {
      let sum = 0;
      for (let k = 0; k < 4; k++) sum += across.share[4 * x + k] * values[y * columns + across.at[4 * x + k]];
      wide[y * width + x] = sum;
    }
  }
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      let sum = 0;
      for (let k = 0; k < 4; k++) sum += down.share[4 * y + k] * wide[down.at[4 * y + k] * width + x];
      result[y * width + x] = Math.min(1, Math.max(0, sum));
    }
  }
  return result;
}

/** The four neighbours of each pixel and their shares (Keys 1981, a = −0.75, as OpenCV has it). */
function weights(cells, pixels) {
  const at = new Int32Array(4 * pixels), share = new Float32Array(4 * pixels);
  const a = -0.75;
  for (let i = 0; i < pixels; i++) {
    const place = ((i + 0.5) * cells) / pixels - 0.5;
    const first = Math.floor(place) - 1;
    for (let k = 0; k < 4; k++) {
      const far = Math.abs(place - first - k);
      at[4 * i + k] = Math.min(cells - 1, Math.max(0, first + k));
      share[4 * i + k] = far <= 1 ? ((a + 2) * far - a - 3) * far * far + 1 : ((a * far - 5 * a) * far + 8 * a) * far - 4 * a;
    }
  }
  return { at, share };
}

/** Paint a heatmap: the colour says how hot, and what is not hot is clear. */
export function paint(canvas, heatmap, map) {
  canvas.width = PER_CELL * heatmap.columns;
  canvas.height = PER_CELL * heatmap.rows;
  const heat = smooth(heatmap, canvas.width, canvas.height);
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(canvas.width, canvas.height);
  heat.forEach((value, i) => pixels.data.set([...colour(map, value), 255 * value], 4 * i));
  context.putImageData(pixels, 0, 0);
}

/** Row and column, 0 to 2 each, of the hottest place; null where there is no heat. */
export function hottest({ rows, columns, values }) {
  const most = values.reduce((best, value, i) => (value > values[best] ? i : best), 0);
  if (!values[most]) return null;
  return [Math.floor((3 * Math.floor(most / columns)) / rows), Math.floor((3 * (most % columns)) / columns)];
}

/**
 * The radiograph out of the service's overlays of it, for files that no browser can show.
 *
 * An overlay is gray · (1 − share) + colour · share with share = 0.55 · heat, and the heat is known. Where
 * one class has heat another mostly has none; what colour is left is taken away. Of the channels luma is
 * used, which JPEG keeps best.
 */
export async function behind(explanations) {
  let canvas, context, gray, least;
  for (const { media_type, base64, heatmap } of explanations) {
    const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
    const picture = await decode(new Blob([bytes], { type: media_type }));
    const { width, height } = picture;
    canvas ??= Object.assign(document.createElement("canvas"), { width, height });
    context ??= canvas.getContext("2d", { willReadFrequently: true });
    gray ??= new Float32Array(width * height);
    least ??= new Float32Array(width * height).fill(Infinity);
    context.drawImage(picture, 0, 0);
    const pixels = context.getImageData(0, 0, width, height).data;
    const heats = smooth(heatmap, width, height);
    for (let i = 0; i < heats.length; i++) {
      const heat = heats[i];
      if (heat >= least[i]) continue;
      least[i] = heat;
      const share = STRONGEST_COLOUR * heat;
      gray[i] = (luma(pixels, 4 * i) - share * LUMA[Math.round(255 * heat)]) / (1 - share);
    }
  }
  const result = context.createImageData(canvas.width, canvas.height);
  gray.forEach((value, i) => result.data.set([value, value, value, 255], 4 * i));
  context.putImageData(result, 0, 0);
  return canvas;
}
