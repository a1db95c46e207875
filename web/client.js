// A client of the service for browsers and Node, without dependencies.
//
//   import { ChestXray } from "./client.js";
//   const report = await new ChestXray({ key: "…" }).predict(file, { explain: "all" });

/**
 * @typedef {{rows: number, columns: number, values: number[]}} Heatmap Over the whole radiograph, row by row, 0 to 1.
 * @typedef {{label: string, method: "grad-cam", media_type: string, width: number, height: number, base64: string,
 *   lung_share: number|null, heatmap: Heatmap}} Explanation `base64` is the picture with the heat drawn on it.
 * @typedef {{prediction: {label: string, name: string, probability: number, certain: boolean},
 *   probabilities: Object<string, number>, explanations: Explanation[],
 *   input: {format: string, width: number, height: number, sha256: string},
 *   gate: {chest_xray: boolean|null, score: number|null, reasons: string[]}, warnings: string[],
 *   model: {name: string, version: string, sha256: string, preprocessing: string, runtime: string},
 *   timing_ms: Object<string, number>, request_id: string, notice: string}} Report
 *
 * @typedef {object} Options
 * @property {string} [explain] predicted (default), a label, all or none.
 * @property {"jpeg"|"png"} [overlay]
 * @property {number} [size] Of the overlay, 128 to 1024.
 * @property {boolean} [force] Answer whatever it is.
 * @property {AbortSignal} [signal] Rejects with its reason.
 * @property {(share: number) => void} [onProgress] How much is sent; in browsers.
 */

/** Why there is no report. */
export class Problem extends Error {
  /**
   * @param {{status?: number, code?: string, title?: string, detail?: string, reasons?: string[], request_id?: string}} facts
   *   `code` is the service's, or unauthorized, busy, unexpected, and with status 0 unreachable or timeout.
   */
  constructor({ status = 0, code = "unexpected", title = "", detail = "", reasons = [], request_id = "" }) {
    super([title, detail].filter(Boolean).join(": ") || code);
    Object.assign(this, { name: "Problem", status, code, title, detail, reasons, request_id });
  }
}

/** The service at one address. */
export class ChestXray {
  /**
   * @param {{url?: string, key?: string, timeout?: number}} [where] Without `url`: where the page came from. `key`: the
   *   function key, where one is asked for. `timeout`: milliseconds.
   */
  constructor({ url = "", key = "", timeout = 120_000 } = {}) {
    Object.assign(this, { url: url.replace(/\/+$/, ""), key, timeout });
  }

  /**
   * @param {Blob|ArrayBuffer|Uint8Array|string} image The bytes of a file, or a link.
   * @param {Options} [options]
   * @returns {Promise<Report>} Rejects with a Problem.
   */
  predict(image, { signal, onProgress, ...options } = {}) {
    const link = typeof image === "string";
    // The bytes decide what an image is, not the file's type.
    const type = /^(image\/.+|application\/dicom)$/.test(image.type) ? image.type : "application/octet-stream";
    const headers = { "content-type": link ? "application/json" : type };
    if (this.key) headers["x-functions-key"] = this.key;
    const body = link ? JSON.stringify({ image_url: image }) : image;
    return this.#ask(`/api/predict?${new URLSearchParams(JSON.parse(JSON.stringify(options)))}`, { method: "POST", headers, body, signal }, onProgress);
  }

  /** The facts of the model that answers. @returns {Promise<object>} */
  model() {
    return this.#ask("/api/model", {});
  }

  /** @returns {Promise<{status: "starting"|"ready"|"degraded"|"unavailable", reason: string|null}>} */
  health() {
    return this.#ask("/api/health", {});
  }

  async #ask(path, { signal, ...request }, onProgress) {
    signal?.throwIfAborted();
    const late = AbortSignal.timeout(this.timeout);
    const stop = AbortSignal.any(signal ? [signal, late] : [late]);
    const send = onProgress && globalThis.XMLHttpRequest ? sendWithProgress : sendPlainly;
    const { status, text } = await send(this.url + path, { ...request, signal: stop }, onProgress).catch(({ message }) => {
      signal?.throwIfAborted();
      throw new Problem({ code: late.aborted ? "timeout" : "unreachable", detail: message });
    });
    let content;
    try { content = JSON.parse(text); } catch { /* a gateway's page, or nothing */ }
    if (status === 200 && content) return content;
    throw new Problem({ code: { 401: "unauthorized", 413: "too_large", 429: "busy" }[status], ...content, status });
  }
}

async function sendPlainly(url, request) {
  const response = await fetch(url, request);
  return { status: response.status, text: await response.text() };
}

// fetch tells no progress.
function sendWithProgress(url, { method, headers, body, signal }, onProgress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(method, url);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.onprogress = ({ loaded, total }) => onProgress(loaded / total);
    request.onload = () => resolve({ status: request.status, text: request.responseText });
    request.onerror = request.onabort = reject;
    signal.addEventListener("abort", () => request.abort());
    request.send(body);
  });
}
