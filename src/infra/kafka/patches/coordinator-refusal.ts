import Cluster from 'kafkajs/src/cluster/index.js'
import { isBrokerError } from '../client/client-error.ts'

// oxlint-disable-next-line typescript/unbound-method -- called with the cluster as `this`
const unpatchedSearch = Cluster.prototype.findGroupCoordinatorMetadata

/**
 * Preserves the reason why no coordinator was found. kafkajs 2.2.4 queries every broker and replaces each error with "Failed to find group
 * coordinator"; a missing right on the group is not an outage and must be reported as what it is.
 */
export function patchCoordinatorRefusals(): void {
  Cluster.prototype.findGroupCoordinatorMetadata = search
}

const search: typeof unpatchedSearch = async function findCoordinator(request) {
  try {
    return await unpatchedSearch.call(this, request)
  } catch (error) {
    const answer = await this.brokerPool
      .findConnectedBroker()
      .then((broker) => broker.findGroupCoordinator(request))
      .catch((refusal: unknown) => refusal)
    throw isBrokerError(answer, 'GROUP_AUTHORIZATION_FAILED') ? answer : error
  }
}
