"""How a client asks this service, in five languages; the page at /docs shows them.

Each is a whole program that reads xray.jpg and, where the service asks for one, the environment variable KEY.
"""

CURL = """\
curl --fail-with-body -F image=@xray.jpg \\
  {curl_key}"{origin}/api/predict?explain=none"
"""

PYTHON = """\
import base64
{python_import}
import requests

with open("xray.jpg", "rb") as image:
    answer = requests.post(
        "{origin}/api/predict",
        params={{"explain": "predicted"}},
        files={{"image": image}},{python_key}
        timeout=60,
    )
if answer.status_code == 401:
    raise SystemExit("The service asks for its key.")
report = answer.json()
if not answer.ok:
    raise SystemExit(f"{{report['code']}}: {{report['detail']}}")
best = report["prediction"]
print(f"{{best['name']}}: {{best['probability']:.1%}}, certain: {{best['certain']}}")
with open("overlay.jpg", "wb") as file:
    file.write(base64.b64decode(report["explanations"][0]["base64"]))
"""

JAVASCRIPT = """\
// Node 20, after: curl -o client.mjs {origin}/client.js
import {{ readFile }} from "node:fs/promises";
import {{ ChestXray, Problem }} from "./client.mjs";

const service = new ChestXray({{ url: "{origin}"{javascript_key} }});
try {{
  const {{ prediction }} = await service.predict(await readFile("xray.jpg"));
  const percent = (100 * prediction.probability).toFixed(1);
  console.log(`${{prediction.name}}: ${{percent}}%, certain: ${{prediction.certain}}`);
}} catch (problem) {{
  if (!(problem instanceof Problem)) throw problem;
  console.error(`${{problem.code}}: ${{problem.detail}}`);
}}
"""

KOTLIN = """\
// Android or JVM; on Android in a coroutine of Dispatchers.IO. org.json comes with Android.
import java.io.File
import java.net.HttpURLConnection
import java.net.URL
import org.json.JSONObject

fun main() {{
    val image = File("xray.jpg").readBytes()
    val url = URL("{origin}/api/predict?explain=predicted")
    val connection = (url.openConnection() as HttpURLConnection).apply {{
        requestMethod = "POST"
        doOutput = true
        setFixedLengthStreamingMode(image.size)
        setRequestProperty("Content-Type", "application/octet-stream"){kotlin_key}
        outputStream.use {{ it.write(image) }}
    }}
    if (connection.responseCode == 401) error("The service asks for its key.")
    val succeeded = connection.responseCode == 200
    val stream = if (succeeded) connection.inputStream else connection.errorStream
    val report = JSONObject(stream.bufferedReader().readText())
    if (!succeeded) error(report.getString("code") + ": " + report.getString("detail"))
    val prediction = report.getJSONObject("prediction")
    println(prediction.getString("name") + " " + prediction.getDouble("probability"))
}}
"""

SWIFT = """\
import Foundation

struct Report: Decodable {{
    struct Prediction: Decodable {{
        let label: String, name: String, probability: Double, certain: Bool
    }}
    let prediction: Prediction
    let warnings: [String]
}}

struct Problem: Decodable, Error {{
    let code: String, detail: String
}}

var request = URLRequest(url: URL(string: "{origin}/api/predict?explain=none")!)
request.httpMethod = "POST"
request.setValue("application/octet-stream", forHTTPHeaderField: "Content-Type"){swift_key}
let image = try Data(contentsOf: URL(fileURLWithPath: "xray.jpg"))
let (body, response) = try await URLSession.shared.upload(for: request, from: image)
let status = (response as! HTTPURLResponse).statusCode
if status == 401 {{ fatalError("The service asks for its key.") }}
guard status == 200 else {{
    throw try JSONDecoder().decode(Problem.self, from: body)
}}
let report = try JSONDecoder().decode(Report.self, from: body)
print(report.prediction.name, report.prediction.probability)
"""

#: What each program has in it where the service asks for a key.
_KEYS = {
    "curl_key": '-H "x-functions-key: $KEY" \\\n  ',
    "python_import": "import os\n",
    "python_key": '\n        headers={"x-functions-key": os.environ["KEY"]},',
    "javascript_key": ", key: process.env.KEY",
    "kotlin_key": '\n        setRequestProperty("x-functions-key", System.getenv("KEY"))',
    "swift_key": "\nrequest.setValue(\n"
    '    ProcessInfo.processInfo.environment["KEY"], forHTTPHeaderField: "x-functions-key")',
}


def examples(origin: str, *, key: bool) -> dict[str, str]:
    """Programs by the name of their language.

    Args:
        origin: Where the service answers, such as `https://xray.example.org`.
        key: Whether it asks for one.
    """
    keys = _KEYS if key else dict.fromkeys(_KEYS, "")
    programs = {
        "curl": CURL,
        "Python": PYTHON,
        "JavaScript": JAVASCRIPT,
        "Kotlin": KOTLIN,
        "Swift": SWIFT,
    }
    return {name: text.format(origin=origin, **keys) for name, text in programs.items()}
