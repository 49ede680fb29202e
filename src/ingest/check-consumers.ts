import { eventTypes } from '../events/catalogue/catalogue.ts'
import { OperatorError } from '../std/failure.ts'
import { isProjecting, kindsOf, type Consumer } from '../model/consumer.ts'
import { createTypeFilter, isTypePattern, PATTERN_FAULT } from './type-filter.ts'

/** Validates the registered consumers. @throws {OperatorError} one line for each fault. */
export function checkConsumers(consumers: readonly Consumer[]): void {
  const faults = consumers.flatMap((consumer) => faultsOf(consumer).map((fault) => `consumer ${consumer.name}: ${fault}`))
  const names = consumers.map((consumer) => consumer.name)
  const schemas = consumers.flatMap((consumer) => (isProjecting(consumer) ? [consumer.tables.schema] : []))
  for (const schema of new Set(schemas.filter((schema, index) => schemas.indexOf(schema) !== index)))
    faults.push(`two consumers have the schema ${schema}`)
  for (const name of new Set(names.filter((name, index) => names.indexOf(name) !== index))) faults.push(`two consumers are named ${name}`)
  if (faults.length > 0) throw new OperatorError(faults.join('\n'))
}

function faultsOf(consumer: Consumer): string[] {
  const { name, types } = consumer
  const poolSize = isProjecting(consumer) ? undefined : consumer.poolSize
  const kinds = kindsOf(consumer)
  const faults: string[] = []
  if (!/^[a-z][a-z0-9-]{0,99}$/.test(name)) faults.push('its name must be lower-case letters, digits and hyphens, because it is a group id')
  if (types.length === 0) faults.push('it handles no types')
  for (const pattern of types) {
    const filter = createTypeFilter([pattern])
    if (!isTypePattern(pattern)) faults.push(`its type ${pattern} ${PATTERN_FAULT}`)
    else if (!eventTypes.some((type) => filter.handles(type))) faults.push(`its type ${pattern} matches nothing in the catalogue`)
  }
  if (poolSize !== undefined && (!Number.isInteger(poolSize) || poolSize < 1))
    faults.push(`its poolSize ${poolSize} must be an integer of at least 1`)
  if (
    isProjecting(consumer) &&
    !/^(?!(?:worker|app|platform|public|information_schema|pg_.*)$)[a-z][a-z0-9_]{0,62}$/.test(consumer.tables.schema)
  )
    faults.push(`its schema ${consumer.tables.schema} must be a name of its own: lower-case letters, digits and underscores`)
  const keys = kinds.map(({ kind, version, channel }) => `${channel}/${kind}/${version}`)
  for (const key of new Set(keys.filter((key, index) => keys.indexOf(key) !== index))) faults.push(`it has two kinds ${key}`)
  return faults
}
