import { certificateFile } from './file-kinds.ts'
import { serverUrl } from './network-kinds.ts'
import { ratio } from './number-kinds.ts'
import { anyText, matching, oneOf, pairs, yesOrNo } from './text-kinds.ts'
import { optional, withDefault } from './variable.ts'

/** Traces of OpenTelemetry, by the names of its specification (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/). */
export const tracing = {
  OTEL_EXPORTER_OTLP_ENDPOINT: optional(
    serverUrl(['https', 'http'], 'http://collector.example.com:4318'),
    'OpenTelemetry collector to which traces are sent, as OTLP in JSON over HTTP, to `/v1/traces` below it. Unset means no traces.',
  ),
  OTEL_EXPORTER_OTLP_HEADERS: optional(
    pairs('name=value pairs separated by commas, such as authorization=Bearer%20token'),
    'Headers of those requests, such as the key of a service.',
    'whole',
  ),
  OTEL_EXPORTER_OTLP_CERTIFICATE: optional(
    certificateFile,
    'CA certificates that verify the collector; unset trusts the public authorities.',
  ),
  OTEL_EXPORTER_OTLP_PROTOCOL: withDefault(
    matching(/^http\/json$/i, 'http/json'),
    'http/json',
    'Form of those requests; there is one, which every collector takes at the port of OTLP over HTTP, usually 4318.',
  ),
  OTEL_SERVICE_NAME: optional(anyText('a name'), 'Name of this service in traces; unset means kafka-worker.'),
  OTEL_RESOURCE_ATTRIBUTES: optional(
    pairs('name=value pairs separated by commas, such as deployment.environment.name=production'),
    'Further attributes of this service in traces.',
  ),
  OTEL_TRACES_SAMPLER: withDefault(
    oneOf(['always_on', 'always_off', 'traceidratio', 'parentbased_always_on', 'parentbased_always_off', 'parentbased_traceidratio']),
    'parentbased_always_on',
    'Which spans are recorded; `parentbased` means that those of an event follow the decision of its publisher, or of the span that accepted it.',
  ),
  OTEL_TRACES_SAMPLER_ARG: withDefault(ratio, '1', 'Share of the traces that are recorded by the samplers with `traceidratio`.'),
  OTEL_TRACES_EXPORTER: withDefault(oneOf(['otlp', 'none']), 'otlp', 'Whether traces are sent to the endpoint; none turns them off.'),
  OTEL_SDK_DISABLED: withDefault(yesOrNo, 'false', 'Whether traces are off, by the variable that turns off all of OpenTelemetry.'),
}
