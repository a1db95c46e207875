// A client of the service for browsers and Node 20: no dependency, types in JSDoc.
//
//   import { ChestXray } from "./client.js";
//   const report = await new ChestXray({ key: "…" }).predict(file, { explain: "all" });

/**
 * @typedef {object} Heatmap The network's grid over the whole radiograph.
 * @property {number} rows
 * @property {number} columns
 * @property {number[]} values Row by row, 0 to 1.
 *
 * @typedef {object} Explanation
 * @property {string} label
 * @property {"grad-cam"} method
 * @property {"image/jpeg"|"image/png"} media_type
 * @property {number} width Of the picture in `base64`.
 * @property {number} height
 * @property {string} base64 The radiograph with the heatmap drawn over it.
 * @property {number|null} lung_share Share of the heat inside the lungs, 0 to 1; null if unknown.
 * @property {Heatmap} heatmap
 *
 * @typedef {object} Report
 * @property {{label: string, name: string, probability: number, certain: boolean}} prediction
 * @property {Object<string, number>} probabilities By label; they sum to 1.
 * @property {Explanation[]} explanations
 * @property {{format: string, width: number, height: number, sha256: string}} input
 * @property {{chest_xray: boolean|null, score: number|null, reasons: string[]}} gate
 * @property {string[]} warnings
 * @property {{name: string, version: string, sha256: string, preprocessing: string, runtime: string}} model
 * @property {Object<string, number>} timing_ms
 * @property {string} request_id
 * @property {string} notice
 *
 * @typedef {object} Options
 * @property {string} [explain] "predicted" (default), a label, "all" or "none".
 * @property {"jpeg"|"png"} [overlay]
 * @property {number} [size] Long side of the overlay, 128 to 1024.
 * @property {boolean} [force] Answer even where this is no frontal chest X-ray.
 * @property {AbortSignal} [signal] Cancels; the promise is then rejected with an AbortError.
 * @property {(share: number) => void} [onProgress] How much is sent, 0 to 1 (in browsers).
 */

/** Why there is no report. `code` is the service's own, or one of the five below. */
export class Problem extends Error {
  /**
   * @param {object} facts Members of the service's problem+json.
   * @param {number} [facts.status] 0 where no answer came.
   * @param {string} [facts.code] Besides the service's: unreachable, timeout, unauthorized, busy, unexpected.
   * @param {string} [facts.title]
   * @param {string} [facts.detail]
   * @param {string[]} [facts.reasons] Why the gate refuses: lateral, upside_down, blank …
   * @param {string} [facts.request_id]
   * @param {number|null} [facts.retry_after] Seconds.
   */
  constructor({ status = 0, code = "unexpected", title = "", detail = "", reasons = [], request_id = "", retry_after = null }) {
    super([title, detail].filter(Boolean).join(": ") || `${code} (${status})`);
    Object.assign(this, { name: "Problem", status, code, title, detail, reasons, request_id, retry_after });
  }
}

/** The service at one address. */
export class ChestXray {
  /**
   * @param {object} [where]
   * @param {string} [where.url] Where it answers; in a browser, left out, where the page came from.
   * @param {string} [where.key] The function key, if it asks for one.
   * @param {number} [where.timeout] Milliseconds.
   */
  constructor({ url = "", key = "", timeout = 120_000 } = {}) {
    this.url = url.replace(/\/+$/, "");
    this.key = key;
    this.timeout = timeout;
  }

  /**
   * Ask for one radiograph.
   * @param {Blob|ArrayBuffer|Uint8Array|string} image The bytes of a file, or a link as a string.
   * @param {Options} [options]
   * @returns {Promise<Report>}
   * @throws {Problem}
   */
  async predict(image, { signal, onProgress, ...options } = {}) {
    const query = new URLSearchParams(Object.entries(options).map(([name, value]) => [name, String(value)]));
    const link = typeof image === "string";
    return this.#ask(`/api/predict?${query}`, {
      method: "POST",
      headers: {
        "content-type": link ? "application/json" : mediaType(image),
        ...(this.key ? { "x-functions-key": this.key } : {}),
      },
      body: link ? JSON.stringify({ image_url: image }) : image,
      signal,
    }, onProgress);
  }

  /** The facts of the model that answers: classes, threshold, metrics. @returns {Promise<object>} */
  model() {
    return this.#ask("/api/model", {});
  }

  /** starting, ready, degraded or unavailable. @returns {Promise<{status: string, reason: string|null}>} */
  health() {
    return this.#ask("/api/health", {});
  }

  async #ask(path, request, onProgress) {
    const send = onProgress && globalThis.XMLHttpRequest ? sendWithProgress : sendPlainly;
    const { status, text, retryAfter } = await send(this.url + path, request, this.timeout, onProgress);
    let content = null;
    try { content = JSON.parse(text); } catch { /* a gateway's page, or nothing */ }
    if (status === 200 && content) return content;
    const code = content?.code ?? { 401: "unauthorized", 413: "too_large", 429: "busy" }[status];
    throw new Problem({ ...content, status, code, retry_after: Number(retryAfter) || null });
  }
}

// The bytes decide what an image is; a wrong type of the file would only get in the way.
function mediaType(image) {
  return /^(image\/.+|application\/dicom)$/.test(image.type ?? "") ? image.type : "application/octet-stream";
}

async function sendPlainly(url, { signal, ...request }, timeout) {
  const late = AbortSignal.timeout(timeout);
  const stop = new AbortController();
  for (const each of [signal, late]) each?.addEventListener("abort", () => stop.abort(each.reason));
  signal?.throwIfAborted();
  try {
    const response = await fetch(url, { ...request, signal: stop.signal });
    return { status: response.status, text: await response.text(), retryAfter: response.headers.get("retry-after") };
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Problem({ code: late.aborted ? "timeout" : "unreachable", detail: error.message });
  }
}

// fetch does not tell how much of a body is sent.
function sendWithProgress(url, { method, headers, body, signal }, timeout, onProgress) {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const request = new XMLHttpRequest();
    request.open(method, url);
    request.timeout = timeout;
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.onprogress = ({ loaded, total }) => onProgress(total ? loaded / total : 0);
    request.upload.onload = () => onProgress(1);
    request.onload = () => resolve({ status: request.status, text: request.responseText, retryAfter: request.getResponseHeader("retry-after") });
    request.onerror = () => reject(new Problem({ code: "unreachable" }));
    request.ontimeout = () => reject(new Problem({ code: "timeout" }));
    request.onabort = () => reject(signal.reason);
    signal?.addEventListener("abort", () => request.abort());
    request.send(body);
  });
}
