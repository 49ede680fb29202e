/** A topic as the brokers have it. */
export interface TopicState {
  readonly partitions: readonly PartitionState[]
  /** All settings in effect, such as `retention.ms`, whether the topic or the brokers set them. */
  readonly config: ReadonlyMap<string, string>
}

export interface PartitionState {
  readonly partition: number
  readonly replicas: number
  /** Replicas that have all acknowledged records. */
  readonly inSync: number
}

/** The port to what operators see and change of topics, beside the one of ingest. */
export interface TopicAdmin {
  /** All topics that this user may see. */
  topicNames(): Promise<readonly string[]>
  /** Those of the topics that exist, in the order of their names here. @throws {LogAccessRefused} without the right DescribeConfigs. */
  topicStates(names: readonly string[]): Promise<ReadonlyMap<string, TopicState>>
  /**
   * Sets these settings of a topic and leaves its others as they are.
   *
   * @throws {OperatorError} with the broker's reason when it refuses a value; {@link LogAccessRefused} without the right AlterConfigs.
   */
  alterTopic(name: string, settings: Readonly<Record<string, string>>): Promise<void>
  /** Ids of the brokers that create a topic when a client names one that does not exist. @throws {LogAccessRefused} without DescribeConfigs on the cluster. */
  topicCreatingBrokers(): Promise<readonly number[]>
}
