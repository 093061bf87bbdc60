/** A replica that was not heard of for this long is forgotten. */
export const REPLICA_FORGOTTEN_SECONDS = 86_400;
