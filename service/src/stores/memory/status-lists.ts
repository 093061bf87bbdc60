import { after, type Clock, type EpochSeconds } from "../../kernel/clock.ts";
import type { LiveList, StatusListStore } from "../../status-lists/status-list-store.ts";

interface MemoryList extends LiveList {
  next: number;
  isClosed: boolean;
  liveUntil: EpochSeconds;
}

const KEPT_SECONDS = 86_400;

/** The status lists in the memory of a process: for tests and models, as they end with it. */
export function memoryStatusLists(clock: Pick<Clock, "now">): StatusListStore {
  let lists: readonly MemoryList[] = [];
  return {
    async reserve({ kid, count, size, fresh, holdSeconds, lifeSeconds }) {
      const now = clock.now();
      const until = after(now, holdSeconds + lifeSeconds);
      const isOpen = (list: MemoryList): boolean =>
        list.kid === kid && !list.isClosed && list.liveUntil > now && list.next + count <= list.size;
      let list = lists.find(isOpen);
      if (list === undefined) {
        list = { id: fresh, kid, size, next: 0, isClosed: false, liveUntil: until };
        lists = [list, ...lists];
      }
      const first = list.next;
      list.next += count;
      if (until > list.liveUntil) list.liveUntil = until;
      return { list: list.id, first, count, usableUntil: after(now, holdSeconds) };
    },
    live: async () =>
      lists
        .filter(({ liveUntil }) => liveUntil > clock.now())
        .map(({ id, kid, size }) => ({ id, kid, size })),
    async close() {
      const open = lists.filter(({ isClosed }) => !isClosed);
      for (const list of open) list.isClosed = true;
      return open.length;
    },
    async prune() {
      const left = lists.filter(({ liveUntil }) => liveUntil >= clock.now() - KEPT_SECONDS);
      const gone = lists.length - left.length;
      lists = left;
      return gone;
    },
  };
}
