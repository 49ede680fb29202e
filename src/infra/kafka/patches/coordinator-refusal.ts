import Cluster from 'kafkajs/src/cluster/index.js'
import { isBrokerError } from '../client/client-error.ts'

// oxlint-disable-next-line typescript/unbound-method -- called with the cluster as `this`
const unguardedSearch = Cluster.prototype.findGroupCoordinatorMetadata

/**
 * Lets through why a group has no coordinator for us. kafkajs 2.2.4 asks every broker and says "Failed to find group coordinator" of
 * whatever they answered; that we may not see the group is no outage, and has to be told as what it is.
 */
export function patchCoordinatorRefusals(): void {
  Cluster.prototype.findGroupCoordinatorMetadata = search
}

const search: typeof unguardedSearch = async function findCoordinator(of) {
  try {
    return await unguardedSearch.call(this, of)
  } catch (error) {
    const answer = await this.brokerPool
      .findConnectedBroker()
      .then((broker) => broker.findGroupCoordinator(of))
      .catch((refusal: unknown) => refusal)
    throw isBrokerError(answer, 'GROUP_AUTHORIZATION_FAILED') ? answer : error
  }
}
