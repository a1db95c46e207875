// Files → what is shown and sent of them.

export const MOST_BYTES = 10 * 2 ** 20;

/** By the first bytes: jpeg, png, webp, bmp; "other" where no browser shows what the service sees; or null. */
export async function kindOf(blob) {
  const head = new Uint8Array(await blob.slice(0, 132).arrayBuffer());
  const text = String.fromCharCode(...head);
  if (text.startsWith("\xff\xd8\xff")) return "jpeg";
  if (text.startsWith("\x89PNG")) return head[24] === 16 ? "other" : "png";
  // Chromium ignores its EXIF.
  if (/^RIFF....WEBP/s.test(text)) return text[15] === "X" && head[20] & 8 ? "other" : "webp";
  if (text.startsWith("BM")) return "bmp";
  return /^(II[*+]\0|MM\0[*+]|.{128}DICM)/s.test(text) ? "other" : null;
}

/** False for a folder, and what changed since it was chosen: sent, it fails like a network. */
export const readable = (blob) => blob.slice(0, 1).arrayBuffer().then(() => true, () => false);

/** Draw a picture, its long side at most `side`; the canvas. */
export function drawn(picture, side, canvas = document.createElement("canvas")) {
  const scale = Math.min(1, side / Math.max(picture.width, picture.height));
  canvas.width = Math.max(1, Math.round(picture.width * scale));
  canvas.height = Math.max(1, Math.round(picture.height * scale));
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(picture, 0, 0, canvas.width, canvas.height);
  return canvas;
}

/** A canvas as a file. */
export const encoded = (canvas, type = "image/png") => new Promise((resolve) => { canvas.toBlob(resolve, type, 0.92); });
