// Which columns some runs have and others lack. The keys of an experiment tell the ends of a column's values, not how
// many runs have one; so what is the same wherever it is, is looked for in the runs, as far as that stays cheap.

import type { List, RunRow, RunsQuery } from "../api/types";
import { cell, column, type ColumnId } from "./table";

/** The newest runs that are looked at. */
export const MOST_RUNS = 5_000;
/** Columns of one question (the server takes no more), cells of one answer, and answers in all. */
const COLUMNS = 400;
const CELLS = 20_000;
const ANSWERS = 20;

export type Search = (query: Partial<RunsQuery>) => Promise<List<RunRow>>;

/** Those of `ids` that a row of `rows` lacks. */
export function lackedBy(rows: RunRow[], ids: ColumnId[]): ColumnId[] {
  const columns = ids.map(column).filter((c) => c !== null);
  return columns.filter((at) => rows.some((row) => cell(row, at) === undefined)).map((at) => at.id);
}

/** Those of `ids` that some run lacks: page by page, and of each page only the columns that are not known yet. */
export async function lacking(ids: ColumnId[], query: Partial<RunsQuery>, search: Search): Promise<Set<ColumnId>> {
  const found = new Set<ColumnId>();
  let answers = 0;
  for (let start = 0; start < ids.length; start += COLUMNS) {
    const part = ids.slice(start, start + COLUMNS);
    let page: string | null = null;
    for (let seen = 0; seen < MOST_RUNS && answers < ANSWERS; answers += 1) {
      const columns = part.filter((id) => !found.has(id));
      if (columns.length === 0) break;
      const limit = Math.min(1_000, Math.max(50, Math.floor(CELLS / columns.length)));
      const answer: List<RunRow> = await search({ ...query, columns, limit, page });
      for (const id of lackedBy(answer.items, columns)) found.add(id);
      seen += answer.items.length;
      page = answer.next ?? null;
      if (page === null) break;
    }
  }
  return found;
}
