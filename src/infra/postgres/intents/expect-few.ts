/**
 * Conditions on claims `s (id, claims)` that are always true. The planner, which takes a third to pass each, expects one row
 * where it would expect ten of an array, and so finds the intents by their primary key. On a table that was nearly empty when
 * the plan was made it would otherwise read all of it, for as long as the plan is kept: to the first ANALYZE, by when it is large.
 */
export const expectFew = 's.id > 0 AND s.claims > 0'
