// Heatmaps: from the network's grid to smooth colours, and back.

import { drawn } from "./pictures.js";

/** 256 colours, RGB from 0 to 255, through stops at equal distances. */
function table(hex) {
  const stops = hex.match(/.{6}/g).map((stop) => stop.match(/../g).map((channel) => parseInt(channel, 16)));
  return Array.from({ length: 256 }, (_, level) => {
    const at = (level / 255) * (stops.length - 1), low = Math.floor(at);
    return stops[low].map((value, channel) => value + (at - low) * (stops[Math.ceil(at)][channel] - value));
  });
}

// Turbo: Mikhailov 2019; viridis: van der Walt and Smith 2015; cividis: Nuñez et al. 2018.
export const MAPS = {
  Turbo: table("30123b3f3e9c4666dd458cfd2fb2f41ad4d022ebaa52fa7a8bff4bb7f735dbe236f5c53afea130f9751de84b0cce2d04a916017a0403"),
  Cividis: table("00224e1a386f434e6c61656f7d7c789a9376bbad6dddc858fee838"),
  Viridis: table("440154472d7b3b528b2c728e21918c27ad815cc863aadc32fde725"),
};
const PER_CELL = 16;
/** As in inference/overlay.py. */
const STRONGEST_COLOUR = 0.55;

const colour = (map, heat) => MAPS[map][Math.round(255 * heat)];

/** Bicubic values, 0–1, of a heatmap on width x height pixels, row by row. */
const smooth = ({ rows, columns, values }, width, height) =>
  stretch(stretch(values, columns, width), rows, height).map((value) => Math.min(1, Math.max(0, value)));

/** Rows of `cells` become columns of `pixels` (Keys 1981, a = −0.75, as in OpenCV). */
function stretch(values, cells, pixels) {
  const rows = values.length / cells, a = -0.75;
  const result = new Float32Array(pixels * rows);
  for (let i = 0; i < pixels; i++) {
    const place = ((i + 0.5) * cells) / pixels - 0.5, first = Math.floor(place) - 1;
    for (let k = first; k < first + 4; k++) {
      const far = Math.abs(place - k), cell = Math.min(cells - 1, Math.max(0, k));
      const share = far <= 1 ? ((a + 2) * far - a - 3) * far * far + 1 : ((a * far - 5 * a) * far + 8 * a) * far - 4 * a;
      for (let row = 0; row < rows; row++) result[i * rows + row] += share * values[row * cells + cell];
    }
  }
  return result;
}

/** Paint a heatmap: the colour says how hot, and what is not hot is clear. */
export function paint(canvas, heatmap, map) {
  canvas.width = PER_CELL * heatmap.columns;
  canvas.height = PER_CELL * heatmap.rows;
  const pixels = new ImageData(canvas.width, canvas.height);
  smooth(heatmap, canvas.width, canvas.height).forEach((heat, i) => pixels.data.set([...colour(map, heat), 255 * heat], 4 * i));
  canvas.getContext("2d").putImageData(pixels, 0, 0);
}

/** Which ninth of the picture is hottest, 0 to 8 row by row; null where there is no heat. */
export function hottest({ rows, columns, values }) {
  const most = values.indexOf(Math.max(...values));
  const third = (index, count) => Math.floor((3 * (index + 0.5)) / count);
  return values[most] ? 3 * third(Math.floor(most / columns), rows) + third(most % columns, columns) : null;
}

/**
 * The radiograph out of the service's overlays, for files that no browser shows.
 *
 * An overlay is gray · (1 − share) + colour · share, share = 0.55 · heat. Where one class has heat another
 * mostly has none. Luma is what JPEG keeps best.
 */
export async function behind(explanations) {
  let canvas, result, least;
  for (const { media_type, base64, heatmap } of explanations) {
    const overlay = new Image();
    overlay.src = `data:${media_type};base64,${base64}`;
    await overlay.decode();
    canvas = drawn(overlay, Infinity);
    const { width, height } = canvas;
    const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
    result ??= new ImageData(width, height);
    least ??= new Float32Array(width * height).fill(Infinity);
    smooth(heatmap, width, height).forEach((heat, i) => {
      if (heat >= least[i]) return;
      least[i] = heat;
      const share = STRONGEST_COLOUR * heat, at = 4 * i;
      const gray = (luma(data[at], data[at + 1], data[at + 2]) - share * luma(...colour("Turbo", heat))) / (1 - share);
      result.data.fill(gray, at, at + 3);
      result.data[at + 3] = 255;
    });
  }
  canvas.getContext("2d").putImageData(result, 0, 0);
  return canvas;
}

const luma = (red, green, blue) => 0.299 * red + 0.587 * green + 0.114 * blue;
