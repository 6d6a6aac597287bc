// The shapes the console reads from `/api/v1`. Times are RFC 3339 text in UTC.

export type Time = string;

export interface List<T> {
  items: T[];
  next?: string | null;
}

export interface ErrorBody {
  error: ErrorDetail;
}

export interface ErrorDetail {
  code: string;
  message: string;
  hint?: string | null;
  request_id?: string | null;
  field?: string | null;
}

export interface ObjectRef {
  kind: string;
  id: string;
}

export interface ServerInfo {
  version: string;
  workspace: string;
  principal: string;
  role: string;
  database: string;
  started_at: Time;
  onnx_runtime?: string | null;
  problems: Problem[];
}

export interface Problem {
  message: string;
  hint?: string | null;
}

export interface ClockState {
  now: Time;
  replay: boolean;
}

export interface Home {
  endpoints: HomeRow[];
  runs: RunSummary[];
  next_command?: string | null;
}

export interface HomeRow {
  endpoint: string;
  project: string;
  model: string;
  data: HomeData;
  checks?: HomeChecks | null;
  run?: HomeRun | null;
  champion?: HomeChampion | null;
  health: HomeHealth;
  drift?: HomeDrift | null;
  rollout?: HomeRollout | null;
  open_alerts: number;
}

export interface HomeData {
  first_event_at?: Time | null;
  last_event_at?: Time | null;
  rows: number;
}

export interface HomeChecks {
  monitor: string;
  window: string;
  from: Time;
  to: Time;
  rows: number;
  passed: number;
  failed: number;
}

export interface HomeRun {
  id: string;
  name: string;
  status: string;
  started_at: Time;
  ended_at?: Time | null;
}

export interface HomeChampion {
  revision: string;
  version: number;
  since?: Time | null;
}

export interface HomeHealth {
  state: string;
  ready: number;
  revisions: number;
  message?: string | null;
}

export interface HomeDrift {
  monitor: string;
  window: string;
  from: Time;
  to: Time;
  rows: number;
  drifted: number;
  features: number;
  verdict: string;
}

export interface HomeRollout {
  id: string;
  state: string;
  step: number;
  steps: number;
  version: number;
  weight: number;
}

export interface Endpoint {
  name: string;
  project: string;
  model: string;
  alias: string;
  row_key?: string | null;
  event_time: string;
  label: string;
  score?: string | null;
  pin?: number | null;
  autonomy: string;
  revisions: Revision[];
  traffic: Traffic;
  events: EventBounds;
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
  champion?: string | null;
  canary?: Share | null;
  shadow?: string | null;
  generation: number;
}

export interface Share {
  revision: string;
  weight: number;
}

export interface EventBounds {
  first?: Time | null;
  last?: Time | null;
  rows: number;
}

export interface Rollout {
  id: string;
  endpoint: string;
  model: string;
  plan: string;
  cause: string;
  from?: RolloutEnd | null;
  to: RolloutEnd;
  state: string;
  step: number;
  steps: RolloutStep[];
  weight: number;
  guardrails: Guardrail[];
  looked_at?: Time | null;
  gate?: unknown | null;
  history: HistoryItem[];
  outcome?: string | null;
  deadline: Time;
  created_at: Time;
  ended_at?: Time | null;
}

export interface RolloutEnd {
  revision?: string | null;
  version: number;
}

export interface RolloutStep {
  name: string;
  kind: string;
  weight: number;
  state: string;
  hold: string;
  entered_at?: Time | null;
  ended_at?: Time | null;
  message?: string | null;
}

export interface Guardrail {
  name: string;
  metric: string;
  estimate?: number | null;
  low?: number | null;
  high?: number | null;
  bound?: number | null;
  verdict: string;
  n: number;
  decides: boolean;
  message?: string | null;
}

export interface HistoryItem {
  at: Time;
  text: string;
}

export interface Monitor {
  name: string;
  endpoint: string;
  project: string;
  window: string;
  last_judged_to?: Time | null;
}

export interface MonitorWindow {
  id: string;
  monitor: string;
  endpoint: string;
  from: Time;
  to: Time;
  model_version?: number | null;
  rows: number;
  labelled_rows: number;
  checks: WindowCheck[];
  features: FeatureDrift[];
  prediction?: FeatureDrift | null;
  performance?: Performance | null;
  other_performance: Performance[];
  verdict: string;
  judged_at: Time;
  rescores: Rescore[];
}

export interface Rescore {
  judged_at: Time;
  rows: number;
  labelled_rows: number;
  performance?: Performance | null;
  verdict: string;
}

export interface WindowCheck {
  check: string;
  column?: string | null;
  severity: string;
  passed: boolean;
  observed: string;
  expected: string;
  message: string;
}

export interface Histogram {
  edges?: number[] | null;
  values?: string[] | null;
  counts: number[];
  below: number;
  above: number;
  other: number;
  nulls: number;
  n: number;
}

export interface FeatureDrift {
  column: string;
  test: string;
  value: number;
  threshold: number;
  p_value?: number | null;
  q_value?: number | null;
  drifted: boolean;
  importance?: number | null;
  suppressed: boolean;
  reference_mean?: number | null;
  current_mean?: number | null;
  reference?: Histogram | null;
  current?: Histogram | null;
}

export interface Performance {
  metric: string;
  value: number;
  low: number;
  high: number;
  baseline?: number | null;
  rows: number;
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
  closed_at?: Time | null;
  windows: string[];
  evidence: unknown;
}

export interface Plan {
  id: string;
  trigger: string;
  endpoint: string;
  cause: string;
  state: string;
  steps: PlanStep[];
  run: string;
  rollout: string;
  created_at: Time;
  ended_at?: Time | null;
}

export interface PlanStep {
  name: string;
  state: string;
  started_at?: Time | null;
  ended_at?: Time | null;
  output: unknown;
  error?: string | null;
}

export interface Decision {
  seq: number;
  at: Time;
  endpoint: string;
  kind: string;
  text: string;
  object?: ObjectRef | null;
  evidence: unknown;
}

export interface DatasetVersion {
  id: string;
  name: string;
  number: number;
  digest: string;
  rows: number;
  columns: ColumnSchema[];
  source: unknown;
  from?: Time | null;
  to?: Time | null;
  created_at: Time;
  created_by: string;
  profile?: ColumnProfile[] | null;
}

export interface ColumnSchema {
  name: string;
  type: string;
  nullable: boolean;
}

export interface ColumnProfile {
  name: string;
  count: number;
  nulls: number;
  distinct?: number | null;
  numeric?: NumericProfile | null;
  values: ValueCount[];
}

export interface NumericProfile {
  min: number;
  max: number;
  mean: number;
  std: number;
}

export interface ValueCount {
  value: string;
  count: number;
}

export interface ModelSummary {
  name: string;
  description?: string | null;
  created_at: Time;
  latest_version?: number | null;
  aliases: Alias[];
}

export interface Alias {
  alias: string;
  version: number;
}

export interface Model {
  name: string;
  description?: string | null;
  created_at: Time;
  latest_version?: number | null;
  aliases: Alias[];
  versions: ModelVersion[];
}

export interface ModelVersion {
  model: string;
  version: number;
  run_id?: string | null;
  source: string;
  status: string;
  tags: Record<string, string>;
  aliases: string[];
  created_at: Time;
  created_by: string;
}

export interface RunSummary {
  id: string;
  name: string;
  experiment_id: string;
  experiment: string;
  status: string;
  user?: string | null;
  started_at: Time;
  ended_at?: Time | null;
  metrics: MetricLast[];
}

export interface MetricLast {
  key: string;
  value?: number | null;
  step: number;
  at: Time;
}

export interface Pair {
  key: string;
  value: string;
}

export interface Run {
  id: string;
  name: string;
  experiment_id: string;
  experiment: string;
  status: string;
  user?: string | null;
  started_at: Time;
  ended_at?: Time | null;
  metrics: MetricLast[];
  params: Pair[];
  tags: Pair[];
  datasets: RunDataset[];
  artifacts: ArtifactEntry[];
  versions: VersionRef[];
}

export interface RunDataset {
  name: string;
  digest: string;
  context?: string | null;
}

export interface ArtifactEntry {
  path: string;
  is_dir: boolean;
  size?: number | null;
}

export interface VersionRef {
  model: string;
  version: number;
}

export interface MetricHistory {
  key: string;
  points: MetricPoint[];
  next?: string | null;
}

export interface MetricPoint {
  step: number;
  value?: number | null;
  at: Time;
}

export interface Lineage {
  node: ObjectRef;
  direction: string;
  edges: LineageEdge[];
  predictions: PredictionsTouched[];
}

export interface LineageEdge {
  from: ObjectRef;
  relation: string;
  to: ObjectRef;
  at: Time;
}

export interface PredictionsTouched {
  endpoint: string;
  versions: number[];
  rows: number;
  from: Time;
  to: Time;
}
