// Files → what a browser can show of them, and what is sent of them.

export const MOST_BYTES = 10 * 2 ** 20;
const SHRUNK_SIDE = 2048;

/** By the first bytes: jpeg, png, png16 (deep), webp, bmp, tiff, dicom or null. */
export async function kindOf(blob) {
  const head = new Uint8Array(await blob.slice(0, 132).arrayBuffer());
  const text = String.fromCharCode(...head);
  if (text.startsWith("\xff\xd8\xff")) return "jpeg";
  if (text.startsWith("\x89PNG")) return head[24] === 16 ? "png16" : "png";
  if (text.startsWith("RIFF") && text.slice(8, 12) === "WEBP") return "webp";
  if (text.startsWith("BM")) return "bmp";
  if (/^(II\*\0|MM\0\*|II\+\0|MM\0\+)/.test(text)) return "tiff";
  return text.slice(128, 132) === "DICM" ? "dicom" : null;
}

/** Formats of which a browser shows the same gray values as the service sees. */
export const shownHere = (kind) => ["jpeg", "png", "webp", "bmp"].includes(kind);

/** Decode, upright. Rejects where the browser cannot. */
export const decode = (blob) => createImageBitmap(blob);

/** A canvas with the picture, its long side at most `side`. */
export const drawn = (bitmap, side) => drawOn(document.createElement("canvas"), bitmap, side);

export function drawOn(canvas, bitmap, side) {
  const scale = Math.min(1, side / Math.max(bitmap.width, bitmap.height));
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return canvas;
}

/** The picture as JPEG, shrunk so that it weighs a megabyte or so. */
export const asJpeg = (bitmap) => encoded(drawn(bitmap, SHRUNK_SIDE), "image/jpeg");

/** A canvas as a file. */
export const encoded = (canvas, type) => new Promise((resolve) => canvas.toBlob(resolve, type, 0.92));
