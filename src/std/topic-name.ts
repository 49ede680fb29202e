/** What brokers take for the name of a topic. https://kafka.apache.org/documentation/#topicconfigs, `Topic.validate` of its clients */
export const topicNamePattern = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}$/

/** The same in words. */
export const TOPIC_NAME = 'a topic name: letters, digits, dot, underscore and hyphen, at most 249'
