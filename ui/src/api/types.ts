// The shapes that the console reads from `/api/v1`, by their names in the server's OpenAPI document
// (`schema.d.ts` is made from it: `npm run types`). Times are RFC 3339 text in UTC.

import type { components } from "./schema";

type Schemas = components["schemas"];

/** A page of a list; `next` is what to give as `page`. */
export interface List<T> {
  items: T[];
  next?: string | null;
}

export type ErrorBody = Schemas["ErrorBody"];
export type ErrorDetail = Schemas["ErrorDetail"];
export type ObjectRef = Schemas["ObjectRef"];
export type ServerInfo = Schemas["ServerInfo"];
export type Problem = Schemas["Problem"];
export type ClockState = Schemas["ClockState"];
export type Home = Schemas["Home"];
export type HomeRow = Schemas["HomeRow"];
export type HomeData = Schemas["HomeData"];
export type HomeChecks = Schemas["HomeChecks"];
export type HomeRun = Schemas["HomeRun"];
export type HomeChampion = Schemas["HomeChampion"];
export type HomeHealth = Schemas["HomeHealth"];
export type HomeDrift = Schemas["HomeDrift"];
export type HomeRollout = Schemas["HomeRollout"];
export type Endpoint = Schemas["Endpoint"];
export type Revision = Schemas["Revision"];
export type Traffic = Schemas["Traffic"];
export type Share = Schemas["Share"];
export type EventBounds = Schemas["EventBounds"];
export type Rollout = Schemas["Rollout"];
export type RolloutEnd = Schemas["RolloutEnd"];
export type RolloutStep = Schemas["RolloutStep"];
export type Guardrail = Schemas["Guardrail"];
export type HistoryItem = Schemas["HistoryItem"];
export type Monitor = Schemas["Monitor"];
export type MonitorWindow = Schemas["MonitorWindow"];
export type Rescore = Schemas["Rescore"];
export type WindowCheck = Schemas["WindowCheck"];
export type Histogram = Schemas["Histogram"];
export type FeatureDrift = Schemas["FeatureDrift"];
export type Performance = Schemas["Performance"];
export type Alert = Schemas["Alert"];
export type Plan = Schemas["Plan"];
export type PlanStep = Schemas["PlanStep"];
export type Decision = Schemas["Decision"];
export type DatasetVersion = Schemas["DatasetVersion"];
export type ColumnSchema = Schemas["ColumnSchema"];
export type ColumnProfile = Schemas["ColumnProfile"];
export type NumericProfile = Schemas["NumericProfile"];
export type ValueCount = Schemas["ValueCount"];
export type ModelSummary = Schemas["ModelSummary"];
export type Alias = Schemas["Alias"];
export type Model = Schemas["Model"];
export type ModelVersion = Schemas["ModelVersion"];
export type RunSummary = Schemas["RunSummary"];
export type MetricLast = Schemas["MetricLast"];
export type Pair = Schemas["Pair"];
export type Run = Schemas["Run"];
export type RunDataset = Schemas["RunDataset"];
export type ArtifactEntry = Schemas["ArtifactEntry"];
export type VersionRef = Schemas["VersionRef"];
export type MetricHistory = Schemas["MetricHistory"];
export type MetricPoint = Schemas["MetricPoint"];
export type Lineage = Schemas["Lineage"];
export type LineageEdge = Schemas["LineageEdge"];
export type PredictionsTouched = Schemas["PredictionsTouched"];
export type RunRow = Schemas["RunRow"];
export type RunsQuery = Schemas["RunsQuery"];
export type RunKeys = Schemas["RunKeys"];
export type ExperimentSummary = Schemas["ExperimentSummary"];
export type Series = Schemas["Series"];
export type AliasMove = Schemas["AliasMove"];
