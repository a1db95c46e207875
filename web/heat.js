// Heatmaps: from the network's grid to smooth colours, and back to the radiograph without them.

import { decode, drawn } from "./pictures.js";

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
  const stops = hex.match(/../g).map((each) => parseInt(each, 16));
  return [name, Array.from({ length: 256 }, (_, level) => [0, 1, 2].map((channel) => {
    const at = (level / 255) * (stops.length / 3 - 1), below = Math.floor(at);
    const [low, high] = [below, Math.ceil(at)].map((stop) => stops[3 * stop + channel]);
    return low + (at - below) * (high - low);
  }))];
}));

/** RGB, 0–255, of a heat from 0 to 1. */
export const colour = (map, heat) => TABLES[map][Math.round(255 * heat)];

/** Bicubic values, 0–1, of a heatmap on width x height pixels, row by row. */
function smooth({ rows, columns, values }, width, height) {
  const wide = stretch(values, rows, columns, 1, columns, width);
  return stretch(wide, width, rows, width, 1, height, true).map((value) => Math.min(1, Math.max(0, value)));
}

/** Lines of `cells` values become lines of `pixels` (Keys 1981, a = −0.75, as OpenCV has it). */
function stretch(values, lines, cells, step, lineStep, pixels, down = false) {
  const result = new Float32Array(lines * pixels), a = -0.75;
  for (let i = 0; i < pixels; i++) {
    const place = ((i + 0.5) * cells) / pixels - 0.5, first = Math.floor(place) - 1;
    for (let k = first; k < first + 4; k++) {
      const far = Math.abs(place - k), from = step * Math.min(cells - 1, Math.max(0, k));
      const share = far <= 1 ? ((a + 2) * far - a - 3) * far * far + 1 : ((a * far - 5 * a) * far + 8 * a) * far - 4 * a;
      for (let line = 0; line < lines; line++) result[down ? i * lines + line : line * pixels + i] += share * values[from + line * lineStep];
    }
  }
  return result;
}

/** Paint a heatmap: the colour says how hot, and what is not hot is clear. */
export function paint(canvas, heatmap, map) {
  canvas.width = PER_CELL * heatmap.columns;
  canvas.height = PER_CELL * heatmap.rows;
  const pixels = new ImageData(canvas.width, canvas.height);
  smooth(heatmap, canvas.width, canvas.height).forEach((value, i) => pixels.data.set([...colour(map, value), 255 * value], 4 * i));
  canvas.getContext("2d").putImageData(pixels, 0, 0);
}

/** Which ninth of the picture is hottest, 0 to 8 row by row; null where there is no heat. */
export function hottest({ rows, columns, values }) {
  const most = values.indexOf(Math.max(...values));
  return values[most] ? 3 * Math.floor((3 * Math.floor(most / columns)) / rows) + Math.floor((3 * (most % columns)) / columns) : null;
}

/**
 * The radiograph out of the service's overlays of it, for files that no browser can show.
 *
 * An overlay is gray · (1 − share) + colour · share with share = 0.55 · heat, and the heat is known. Where
 * one class has heat another mostly has none; what colour is left is taken away. Luma is what JPEG keeps best.
 */
export async function behind(explanations) {
  let result, least;
  for (const { media_type, base64, heatmap } of explanations) {
    const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
    const canvas = drawn(await decode(new Blob([bytes], { type: media_type })), Infinity);
    const { width, height } = canvas;
    const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
    result ??= new ImageData(width, height);
    least ??= new Float32Array(width * height).fill(Infinity);
    smooth(heatmap, width, height).forEach((heat, i) => {
      if (heat >= least[i]) return;
      least[i] = heat;
      const share = STRONGEST_COLOUR * heat, at = 4 * i;
      const gray = (luma(data[at], data[at + 1], data[at + 2]) - share * luma(...colour("turbo", heat))) / (1 - share);
      result.data.fill(gray, at, at + 3);
      result.data[at + 3] = 255;
    });
  }
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: result.width, height: result.height }).getContext("2d").putImageData(result, 0, 0);
  return canvas;
}

const luma = (red, green, blue) => 0.299 * red + 0.587 * green + 0.114 * blue;
