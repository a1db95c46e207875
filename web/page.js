// Posts the chosen file to the service and shows its answer, or its error, in words.

const element = (id) => document.getElementById(id);

element("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  element("answer").hidden = true;
  element("status").textContent = "Waiting for the answer …";
  try {
    const answer = await classify(element("image").files[0], element("key").value);
    show(answer);
    element("status").textContent = "";
  } catch (error) {
    element("status").textContent = error.message;
  }
});

async function classify(file, key) {
  const body = new FormData();
  body.append("image", file);
  const headers = key ? { "x-functions-key": key } : {};
  const response = await fetch("/api/predict", { method: "POST", body, headers });
  if (response.ok) return response.json();
  if (response.status === 401) {
    element("key-field").hidden = false;
    throw new Error("Enter the service's key and try again.");
  }
  const problem = await response.json().catch(() => ({}));
  throw new Error([problem.title, problem.detail].filter(Boolean).join(". ")
    || `The service answered ${response.status}.`);
}

function show({ prediction, probabilities, explanations: [explanation], warnings, model, timing_ms }) {
  element("overlay").src = `data:${explanation.media_type};base64,${explanation.base64}`;
  element("prediction").textContent = prediction.name + (prediction.certain ? "" : " (not certain)");
  element("probabilities").replaceChildren(...Object.entries(probabilities).map(bar));
  element("warnings").replaceChildren(...warnings.map((text) => item(text)));
  element("model").textContent = `${model.name} ${model.version}, ${timing_ms.total} ms`;
  element("answer").hidden = false;
}

function bar([label, probability]) {
  const meter = document.createElement("meter");
  meter.value = probability;
  meter.setAttribute("aria-label", label);
  return item(`${label}: ${(100 * probability).toFixed(1)} %`, meter);
}

function item(text, ...children) {
  const entry = document.createElement("li");
  entry.append(text, ...children);
  return entry;
}
