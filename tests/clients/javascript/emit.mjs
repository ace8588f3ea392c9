// Sends logs, spans and metrics through OpenTelemetry's own JavaScript exporters.
// Arguments: base URL, "http" (JSON) or "proto", "none" or "gzip". Everything the SDK has to
// complain about goes to standard error; a failed export ends with a status other than 0.
import {
  diag,
  DiagLogLevel,
  ROOT_CONTEXT,
  SeverityNumber,
  SpanStatusCode,
  trace,
} from "@opentelemetry/api";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { LoggerProvider, BatchLogRecordProcessor } from "@opentelemetry/sdk-logs";
import { BatchSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import { MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";

const [base, encoding, compression] = process.argv.slice(2);
const complain = (...about) => console.error(...about);
diag.setLogger(
  { error: complain, warn: complain, info() {}, debug() {}, verbose() {} },
  DiagLogLevel.WARN,
);

async function exporter(signal, name, path) {
  const { [name]: Exporter } = await import(`@opentelemetry/exporter-${signal}-otlp-${encoding}`);
  const made = new Exporter({ url: `${base}/v1/${path}`, compression });
  const send = made.export.bind(made);
  made.export = (items, done) =>
    send(items, (result) => {
      if (result.code !== 0) {
        complain(`${signal} were not taken`, result.error);
        process.exitCode = 1;
      }
      done(result);
    });
  return made;
}

const resource = resourceFromAttributes({ "service.name": "js-shop" });
const spans = new TracerProvider({
  resource,
  spanProcessors: [
    new BatchSpanProcessor({
      exporter: await exporter("trace", "OTLPTraceExporter", "traces"),
    }),
  ],
});
const logs = new LoggerProvider({
  resource,
  processors: [
    new BatchLogRecordProcessor({
      exporter: await exporter("logs", "OTLPLogExporter", "logs"),
    }),
  ],
});
const metrics = new MeterProvider({
  resource,
  readers: [
    new PeriodicExportingMetricReader({
      exporter: await exporter("metrics", "OTLPMetricExporter", "metrics"),
    }),
  ],
});

// A foreign logger: no stream and no sequence; trace id and span id say which task it is.
const tracer = spans.getTracer("shop");
const logger = logs.getLogger("shop");
function tell(context, eventName, attributes) {
  logger.emit({ eventName, severityNumber: SeverityNumber.INFO, attributes, context });
}
for (let order = 0; order < 5; order += 1) {
  const span = tracer.startSpan("send receipt");
  const context = trace.setSpan(ROOT_CONTEXT, span);
  tell(context, "deferred_task.scheduled", { "deferred_task.name": "send_receipt" });
  if (order < 3) {
    tell(context, "deferred_task.settled", {
      "deferred_task.name": "send_receipt",
      "deferred_task.outcome": order === 0 ? "failed" : "completed",
      "deferred_task.reason": order === 0 ? "exception" : "completed",
    });
  }
  span.end();
}
// A span that carries a task's name is closing evidence; one that does not is passed by.
tracer
  .startSpan("resize", { attributes: { "deferred_task.name": "resize" } })
  .setStatus({ code: SpanStatusCode.ERROR, message: "out of memory" })
  .end();
tracer.startSpan("GET /").end();
logger.emit({ severityNumber: SeverityNumber.INFO, body: "an ordinary line", attributes: { n: 1 } });
metrics.getMeter("shop").createCounter("orders").add(5, { paid: true });
metrics.getMeter("shop").createHistogram("seconds").record(0.25);

await Promise.all([spans.shutdown(), logs.shutdown(), metrics.shutdown()]);
