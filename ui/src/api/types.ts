// The shapes the console reads from `/api/v1`. Times are RFC 3339 text in UTC.

export type Time = string;

export interface List<T> {
  items: T[];
  next?: string | null;
}

export interface ErrorBody {
  error: { code: string; message: string; hint?: string | null; request_id?: string | null };
}

export interface ServerInfo {
  version: string;
  workspace: string;
  principal: string;
  database: string;
  started_at: Time;
}

export interface ClockState {
  now: Time;
  replay: boolean;
}

export interface ObjectRef {
  kind: string;
  id: string;
}

/** One row per endpoint: every cell names the evidence behind it. */
export interface HomeRow {
  endpoint: string;
  project: string;
  model: string;
  data: { last_event_at: Time | null; first_event_at: Time | null; rows: number };
  checks: { monitor: string; window: string; from: Time; to: Time; rows: number; passed: number; failed: number } | null;
  run: { id: string; name: string; status: string; started_at: Time; ended_at: Time | null } | null;
  champion: { revision: string; version: number; since: Time | null } | null;
  health: { state: string; ready: number; revisions: number; message?: string | null };
  drift: { monitor: string; window: string; from: Time; to: Time; rows: number; drifted: number; features: number; verdict: string } | null;
  rollout: { id: string; state: string; step: number; steps: number; version: number; weight: number } | null;
  open_alerts: number;
}

export interface Home {
  endpoints: HomeRow[];
  runs: RunSummary[];
  next_command: string | null;
}

export interface Revision {
  id: string;
  endpoint: string;
  model: string;
  version: number;
  state: string;
  error?: string | null;
  created_at: Time;
}

export interface Traffic {
  champion: string | null;
  canary: { revision: string; weight: number } | null;
  shadow: string | null;
  generation: number;
}

export interface Endpoint {
  name: string;
  project: string;
  model: string;
  alias: string;
  row_key: string | null;
  event_time: string;
  label: string;
  score: string | null;
  pin: number | null;
  revisions: Revision[];
  traffic: Traffic;
  events: { first: Time | null; last: Time | null; rows: number };
}

export interface RolloutStep {
  name: string;
  kind: string;
  weight: number;
  state: string;
  entered_at: Time | null;
  ended_at?: Time | null;
  message?: string | null;
}

export interface Guardrail {
  name: string;
  metric: string;
  estimate: number | null;
  low: number | null;
  high: number | null;
  bound: number | null;
  verdict: string;
  n: number;
  decides?: boolean;
}

export interface RolloutEnd {
  revision: string | null;
  version: number;
}

export interface HistoryItem {
  at: Time;
  text: string;
}

export interface Rollout {
  id: string;
  endpoint: string;
  model: string;
  cause: string;
  from: RolloutEnd | null;
  to: RolloutEnd;
  state: string;
  step: number;
  steps: RolloutStep[];
  guardrails: Guardrail[];
  gate: Record<string, unknown> | null;
  history: HistoryItem[];
  created_at: Time;
  ended_at: Time | null;
}

export interface Monitor {
  name: string;
  endpoint: string;
  project: string;
  window: string;
  last_judged_to: Time | null;
}

export interface WindowCheck {
  check: string;
  column: string | null;
  severity: string;
  passed: boolean;
  observed: string;
  expected: string;
  message: string;
}

/** Bins by edges (numbers) or counts by value (text). */
export interface Histogram {
  edges?: number[] | null;
  counts: number[];
  values?: string[] | null;
  below?: number;
  above?: number;
  nulls?: number;
  n: number;
}

export interface FeatureDrift {
  column: string;
  test: string;
  value: number;
  threshold: number;
  p_value: number | null;
  q_value: number | null;
  drifted: boolean;
  importance: number | null;
  suppressed?: boolean;
  reference?: Histogram | null;
  current?: Histogram | null;
}

export interface Performance {
  metric: string;
  value: number;
  low: number;
  high: number;
  baseline: number | null;
  rows: number;
}

export interface MonitorWindow {
  id: string;
  monitor: string;
  endpoint: string;
  from: Time;
  to: Time;
  rows: number;
  labelled_rows: number;
  checks: WindowCheck[];
  features: FeatureDrift[];
  prediction: FeatureDrift | null;
  performance: Performance | null;
  verdict: string;
  judged_at: Time;
}

export interface Alert {
  id: string;
  monitor: string;
  endpoint: string;
  kind: string;
  severity: string;
  cause: string;
  columns: string[];
  from: Time;
  to: Time;
  opened_at: Time;
  closed_at: Time | null;
  windows: string[];
}

export interface PlanStep {
  name: string;
  state: string;
  started_at: Time | null;
  ended_at: Time | null;
  output: unknown;
  error: string | null;
}

export interface Plan {
  id: string;
  trigger: string;
  endpoint: string;
  cause: string;
  state: string;
  steps: PlanStep[];
  created_at: Time;
}

export interface Decision {
  at: Time;
  endpoint: string;
  kind: string;
  text: string;
  object: ObjectRef | null;
  evidence: unknown;
}

export interface ColumnSchema {
  name: string;
  type: string;
  nullable?: boolean;
}

export interface ColumnProfile {
  name: string;
  count: number;
  nulls: number;
  distinct: number | null;
  min: string | number | null;
  max: string | number | null;
  mean: number | null;
  std: number | null;
  histogram: Histogram | null;
}

export interface CheckResult extends WindowCheck {
  failed_rows: number;
  examples: string[];
}

export interface DatasetVersion {
  id: string;
  name: string;
  number: number;
  digest: string;
  rows: number;
  columns: ColumnSchema[];
  source: Record<string, unknown>;
  from: Time | null;
  to: Time | null;
  created_at: Time;
  created_by: string;
  profile?: ColumnProfile[];
  checks?: CheckResult[];
}

export interface ModelSummary {
  name: string;
  description?: string | null;
  created_at: Time;
  latest_version: number | null;
  aliases: { alias: string; version: number }[];
}

export interface ModelVersion {
  model: string;
  version: number;
  run_id: string | null;
  source: string;
  status: string;
  tags: Record<string, string>;
  aliases: string[];
  created_at: Time;
  created_by: string;
}

export interface Model extends ModelSummary {
  versions: ModelVersion[];
}

export interface RunSummary {
  id: string;
  name: string;
  experiment_id: string;
  experiment: string;
  status: string;
  started_at: Time;
  ended_at: Time | null;
  metrics: MetricLast[];
  user?: string | null;
}

export interface MetricLast {
  key: string;
  value: number;
  step: number;
  at: Time;
}

export interface Run extends RunSummary {
  params: { key: string; value: string }[];
  tags: { key: string; value: string }[];
  datasets?: { name: string; digest: string; context?: string | null }[];
  artifacts: { path: string; is_dir: boolean; size: number | null }[];
  versions?: { model: string; version: number }[];
}

export interface MetricPoint {
  step: number;
  value: number;
  at: Time;
}

export interface MetricHistory {
  key: string;
  points: MetricPoint[];
  next?: string | null;
}

export interface LineageEdge {
  from: ObjectRef;
  relation: string;
  to: ObjectRef;
  at: Time;
}

export interface Lineage {
  node: ObjectRef;
  edges: LineageEdge[];
  predictions?: { endpoint: string; rows: number; from: Time; to: Time }[];
}
