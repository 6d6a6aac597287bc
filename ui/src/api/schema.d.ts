// Generated from docs/reference/openapi.json by `npm run types`. Do not edit.

export interface paths {
    "/api/v1/alerts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Alerts, newest first. */
        get: operations["listAlerts"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/apply": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Make what a trimtab.yaml says exist. */
        post: operations["apply"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/audit": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The audit trail, newest first. */
        get: operations["listAudit"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/backups": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Copy the database and hold every file still until the backup is fetched. */
        post: operations["beginBackup"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/backups/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Let the files of a backup go. */
        delete: operations["endBackup"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/backups/{id}/files/{path}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One file of a backup. */
        get: operations["getBackupFile"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/clock": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Where the loop's clock stands. */
        get: operations["getClock"];
        put?: never;
        /** Move the replay clock; answered when all work due by then is done. */
        post: operations["setClock"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/datasets": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Dataset versions, newest first. */
        get: operations["listDatasets"];
        put?: never;
        /** Make a dataset version of the table in the body. */
        post: operations["createDataset"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/datasets/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One dataset version with its profile. */
        get: operations["getDataset"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/datasets/from-events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Make a dataset version of an endpoint's events. */
        post: operations["createDatasetFromEvents"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/decisions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The loop's diary, newest first; with `after`, oldest first from that place. */
        get: operations["listDecisions"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/endpoints": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Endpoints, by name. */
        get: operations["listEndpoints"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/endpoints/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One endpoint: spec, revisions, traffic. */
        get: operations["getEndpoint"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/events/stream": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What happens, as server-sent events; `Last-Event-ID` resumes. */
        get: operations["streamEvents"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/experiments": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Active experiments, newest first. */
        get: operations["listExperiments"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/feedback": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Outcomes of predictions; all are stored, or none. */
        post: operations["postFeedback"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/gc": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Remove for good what was deleted: runs, experiments, logged models, with their files. */
        post: operations["collectGarbage"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/home": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The loop: one row per endpoint, and the latest runs. */
        get: operations["getHome"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/ingest": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Take over records from elsewhere, with their ids, times and users; the same again changes nothing. */
        post: operations["ingest"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/ingest/check": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** What is here of the records that an import would like to bring, and which cannot come. */
        post: operations["checkIngest"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/ingest/files/{path}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /** Store the body at a path of the workspace's artifacts. */
        put: operations["putIngestFile"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/ingest/prints": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Fingerprints of runs, to compare them with their source. */
        post: operations["getIngestPrints"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/ingest/roots": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Let the workspace read a folder of the server's machine in place. */
        post: operations["addIngestRoot"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/lineage/{kind}/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What an object came from, or what came from it. */
        get: operations["getLineage"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/models": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Registered models, by name. */
        get: operations["listModels"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/models/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One registered model with its versions. */
        get: operations["getModel"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/models/{name}/alias-history": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Who moved the aliases of a model when, newest first; the history of a name outlives its model. */
        get: operations["listAliasMoves"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/models/{name}/versions/{version}/files": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The files of a model version. */
        get: operations["listModelFiles"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/models/{name}/versions/{version}/files/{path}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One file of a model version. */
        get: operations["getModelFile"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/monitors": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Monitors, by name. */
        get: operations["listMonitors"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/monitors/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One monitor. */
        get: operations["getMonitor"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/monitors/{name}/windows": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A monitor's windows, newest first, without histograms. */
        get: operations["listWindows"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/openapi.json": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** This document. */
        get: operations["getOpenapi"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/plans": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Plans, newest first. */
        get: operations["listPlans"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/plans/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One plan with its steps. */
        get: operations["getPlan"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Where a project's code is. */
        get: operations["getProject"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/quarantines": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Events that training must not see, in the order of time. */
        get: operations["listQuarantines"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/rollouts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Rollouts, newest first. */
        get: operations["listRollouts"];
        put?: never;
        /** Send a version through a rollout. */
        post: operations["startRollout"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/rollouts/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One rollout: steps, guardrails, gate, history. */
        get: operations["getRollout"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/rollouts/{id}/abort": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Put all traffic back on the champion. */
        post: operations["abortRollout"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/runs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Runs, newest first. */
        get: operations["listRuns"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/runs/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One run. */
        get: operations["getRun"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/runs/{id}/metrics/{key}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The points of a metric, in the order of steps. */
        get: operations["getMetricHistory"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/runs/keys": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The metrics, params and tags that the runs of experiments have. */
        get: operations["listRunKeys"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/runs/search": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Runs by a filter, in an order, with only the asked columns. */
        post: operations["searchRuns"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/series": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Curves of metrics of runs, thinned to what a chart can show. */
        post: operations["sampleSeries"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/server": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What answers, and for whom. */
        get: operations["getServer"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/tokens": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Tokens of the workspace, oldest first, revoked ones too. */
        get: operations["listTokens"];
        put?: never;
        /** Make a token; its text is in this answer and never again. */
        post: operations["createToken"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/tokens/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Revoke a token; the last administrator's only with `force`. */
        delete: operations["revokeToken"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/triggers": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Triggers, by name. */
        get: operations["listTriggers"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/triggers/{name}/fire": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Start a trigger's plan by hand. */
        post: operations["fireTrigger"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/windows/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One window with every check and histogram. */
        get: operations["getWindow"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/workspaces": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Workspaces, by name. */
        get: operations["listWorkspaces"];
        put?: never;
        /** Make a workspace; where tokens are asked for, as an administrator of `default`. */
        post: operations["createWorkspace"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/livez": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The process runs. */
        get: operations["getLive"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/metrics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Metrics for Prometheus. */
        get: operations["getMetrics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/readyz": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The process can do its work. */
        get: operations["getReady"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** @description Stop a rollout. */
        AbortRollout: {
            /** @description Why, for the history. */
            reason?: string;
        };
        /** @description One incident. */
        Alert: {
            /** @description In words. */
            cause: string;
            closed_at?: components["schemas"]["Timestamp"] | null;
            /** @description The columns concerned, the farthest first. */
            columns: string[];
            /** @description The endpoint. */
            endpoint: string;
            /** @description The figures that it rests on. */
            evidence: Record<string, unknown>;
            /** @description The begin of the first window concerned. */
            from: components["schemas"]["Timestamp"];
            /** @description Its id. */
            id: string;
            /** @description `checks`, `labels`, `data_drift`, `prediction_drift` or `performance`. */
            kind: string;
            /** @description The monitor that raised it. */
            monitor: string;
            /** @description When it was raised. */
            opened_at: components["schemas"]["Timestamp"];
            /** @description `warning` or `error`. */
            severity: string;
            /** @description The end of the last. */
            to: components["schemas"]["Timestamp"];
            /** @description The windows concerned, oldest first. */
            windows: string[];
        };
        /** @description A name that points at a version. */
        Alias: {
            /** @description The name. */
            alias: string;
            /**
             * Format: int64
             * @description The version.
             */
            version: number;
        };
        /** @description One move of an alias. */
        AliasMove: {
            /** @description The alias. */
            alias: string;
            /** @description When. */
            at: components["schemas"]["Timestamp"];
            /**
             * Format: int64
             * @description The version that it pointed to before; null when it was new.
             */
            before?: number | null;
            /** @description Who moved it: a person, or `loop`. */
            by: string;
            /**
             * Format: int64
             * @description The version that it points to since; null when it was taken away.
             */
            version?: number | null;
        };
        /** @description What `apply` did. */
        Applied: {
            /** @description The commit that its executions use. */
            commit?: string | null;
            /** @description The objects of the file, each with `created`, `updated` or `unchanged`. */
            objects: components["schemas"]["AppliedObject"][];
            /** @description The project. */
            project: string;
        };
        /** @description What `apply` did with one object. */
        AppliedObject: {
            /** @description `created`, `updated` or `unchanged`. */
            change: string;
            /** @description `endpoint`, `monitor`, `trigger` or `rollout_policy`. */
            kind: string;
            /** @description Its name. */
            name: string;
        };
        /** @description What should exist. */
        ApplyRequest: {
            project?: components["schemas"]["ProjectSource"] | null;
            /** @description The text of `trimtab.yaml`. */
            spec: string;
        };
        /** @description A file or folder of a run. */
        ArtifactEntry: {
            /** @description Whether it is a folder. */
            is_dir: boolean;
            /** @description Its path. */
            path: string;
            /**
             * Format: int64
             * @description Its size in bytes, for files.
             */
            size?: number | null;
        };
        /** @description A row of the audit trail. */
        AuditRow: {
            /** @description The method and the path pattern. */
            action: string;
            /** @description When. */
            at: components["schemas"]["Timestamp"];
            /** @description The kind of object. */
            kind: string;
            /** @description The path as it was called. */
            object: string;
            /** @description Who. */
            principal: string;
            /** @description The request. */
            request_id: string;
            /**
             * Format: int64
             * @description Its place.
             */
            seq: number;
            /**
             * Format: int64
             * @description The HTTP status that it was answered with.
             */
            status: number;
        };
        /** @description A backup that the server holds still for. */
        Backup: {
            /** @description When it was begun: all that was acknowledged before is in it. */
            begun_at: components["schemas"]["Timestamp"];
            /** @description Its files. */
            files: components["schemas"]["BackupFile"][];
            /** @description Its id. */
            id: string;
            /** @description The server's version. */
            version: string;
        };
        /** @description One file of a backup. */
        BackupFile: {
            /** @description BLAKE3 of its content; absent where the server has not read it. */
            blake3?: string | null;
            /** @description Whether a file of this path and size never changes, so that an earlier backup's copy serves. */
            is_final: boolean;
            /** @description Its path in the data folder. */
            path: string;
            /**
             * Format: int64
             * @description Its bytes.
             */
            size: number;
        };
        /** @description The loop's clock. */
        ClockState: {
            /** @description Where it stands. */
            now: components["schemas"]["Timestamp"];
            /** @description Whether it moves only by command. */
            replay: boolean;
        };
        /** @description Move the replay clock. */
        ClockTo: {
            /** @description To this time; answered when all work due by then is done. */
            to: components["schemas"]["Timestamp"];
        };
        /** @description What was learned from a column. */
        ColumnProfile: {
            /**
             * Format: int64
             * @description Rows.
             */
            count: number;
            /**
             * Format: int64
             * @description Different values, where they were counted.
             */
            distinct?: number | null;
            /** @description Its name. */
            name: string;
            /**
             * Format: int64
             * @description Rows without a value.
             */
            nulls: number;
            numeric?: components["schemas"]["NumericProfile"] | null;
            /** @description The most frequent values, for text. */
            values: components["schemas"]["ValueCount"][];
        };
        /** @description A column. */
        ColumnSchema: {
            /** @description Its name. */
            name: string;
            /** @description Whether it has nulls. */
            nullable: boolean;
            /** @description `int`, `float`, `text`, `bool`, `time` or `other`. */
            type: string;
        };
        /** @description Which events make a dataset version. */
        DatasetFromEvents: {
            as_of?: components["schemas"]["Timestamp"] | null;
            /** @description Of this endpoint. */
            endpoint: string;
            /** @description Leave out rows in quarantine. */
            exclude_quarantined?: boolean;
            from?: components["schemas"]["Timestamp"] | null;
            /** @description Only rows whose outcome is known, with the outcome as a column. */
            labelled?: boolean;
            /** @description The dataset's name; default the endpoint's. */
            name?: string | null;
            to?: components["schemas"]["Timestamp"] | null;
        };
        /** @description An immutable version of a table. */
        DatasetVersion: {
            /** @description Its columns, in order. */
            columns: components["schemas"]["ColumnSchema"][];
            /** @description When it was made, by the loop's clock. */
            created_at: components["schemas"]["Timestamp"];
            /** @description By whom. */
            created_by: string;
            /** @description BLAKE3 of its Parquet file. */
            digest: string;
            from?: components["schemas"]["Timestamp"] | null;
            /** @description Its id. */
            id: string;
            /** @description The dataset. */
            name: string;
            /**
             * Format: int64
             * @description Counted from 1 within the name.
             */
            number: number;
            /** @description What was learned from it; absent in lists. */
            profile?: components["schemas"]["ColumnProfile"][] | null;
            /**
             * Format: int64
             * @description The number of rows.
             */
            rows: number;
            /** @description Where its rows came from. */
            source: Record<string, unknown>;
            to?: components["schemas"]["Timestamp"] | null;
        };
        /** @description One entry of the loop's diary. */
        Decision: {
            /** @description When, by the loop's clock. */
            at: components["schemas"]["Timestamp"];
            /** @description The endpoint. */
            endpoint: string;
            /** @description What it rests on. */
            evidence: Record<string, unknown>;
            /**
             * @description `alert`, `quarantine`, `plan_started`, `trained`, `gate_passed`, `gate_refused`, `rollout_step`,
             *     `promoted`, `rolled_back`, `recommended`, `plan_failed` or `alias_waits`.
             */
            kind: string;
            object?: components["schemas"]["ObjectRef"] | null;
            /**
             * Format: int64
             * @description Its place in the diary.
             */
            seq: number;
            /** @description In one sentence. */
            text: string;
        };
        /** @description An endpoint. */
        Endpoint: {
            /** @description The alias that the controller moves at promotion. */
            alias: string;
            /**
             * Format: int64
             * @description The version at which that alias is; another than the champion's was refused, or waits its turn.
             */
            alias_version?: number | null;
            /** @description How much the loop may do by itself: `observe`, `recommend` or `act`. */
            autonomy: string;
            /** @description `server` or `caller`. */
            event_time: string;
            /** @description Its events. */
            events: components["schemas"]["EventBounds"];
            /** @description The label's column in datasets made from its events. */
            label: string;
            /** @description The registered model that it follows. */
            model: string;
            /** @description Its name. */
            name: string;
            /**
             * Format: int64
             * @description The version that it stays at.
             */
            pin?: number | null;
            /** @description The project that owns it. */
            project: string;
            /** @description Its revisions, newest first. */
            revisions: components["schemas"]["Revision"][];
            /** @description The input column that identifies a row. */
            row_key?: string | null;
            /** @description The output that is the score. */
            score?: string | null;
            /** @description Who answers. */
            traffic: components["schemas"]["Traffic"];
            waiting?: components["schemas"]["Problem"] | null;
        };
        /** @description Every refusal. */
        ErrorBody: {
            /** @description What went wrong. */
            error: components["schemas"]["ErrorDetail"];
        };
        /** @description What went wrong. */
        ErrorDetail: {
            /**
             * @description `not_found`, `already_exists`, `invalid`, `conflict`, `denied`, `unauthenticated`, `limited`,
             *     `unavailable`, `deadline_exceeded`, `unsupported`, `internal`.
             */
            code: string;
            /** @description Dotted path of the offending field, with `invalid`. */
            field?: string | null;
            /** @description What to do about it. */
            hint?: string | null;
            /** @description For a person. */
            message: string;
            /** @description The request's id, to find it in the server's log. */
            request_id?: string | null;
        };
        /** @description The span of an endpoint's events. */
        EventBounds: {
            first?: components["schemas"]["Timestamp"] | null;
            last?: components["schemas"]["Timestamp"] | null;
            /**
             * Format: int64
             * @description Rows served.
             */
            rows: number;
        };
        /** @description An experiment. */
        ExperimentSummary: {
            /** @description When it was made. */
            created_at: components["schemas"]["Timestamp"];
            /** @description Its id. */
            id: string;
            /** @description Its name. */
            name: string;
            /** @description Its tags. */
            tags: {
                [key: string]: string;
            };
            /** @description When it or its tags last changed. */
            updated_at: components["schemas"]["Timestamp"];
        };
        /** @description How far one column of a window lies from the reference. */
        FeatureDrift: {
            /** @description The column. */
            column: string;
            current?: components["schemas"]["Histogram"] | null;
            /**
             * Format: double
             * @description Mean of the window, for numbers.
             */
            current_mean?: number | null;
            /** @description Whether both say so. */
            drifted: boolean;
            /**
             * Format: double
             * @description The column's share of the model's importance.
             */
            importance?: number | null;
            /**
             * Format: double
             * @description Of the matching two-sample test.
             */
            p_value?: number | null;
            /**
             * Format: double
             * @description After correction over the window's features.
             */
            q_value?: number | null;
            reference?: components["schemas"]["Histogram"] | null;
            /**
             * Format: double
             * @description Mean of the reference, for numbers.
             */
            reference_mean?: number | null;
            /** @description Whether a failed check explains it. */
            suppressed: boolean;
            /** @description The effect size: `wasserstein` or `jensen_shannon`. */
            test: string;
            /**
             * Format: double
             * @description What the reference's own parts reach.
             */
            threshold: number;
            /**
             * Format: double
             * @description Its value.
             */
            value: number;
        };
        /**
         * @description One outcome. It addresses a prediction by `prediction_id` (with `row`), by `row_key`, or by
         *     `client_request_id`.
         */
        FeedbackItem: {
            /** @description The caller's id of the request. */
            client_request_id?: string | null;
            /** @description The sender's id of this item: a second one with the same id changes nothing. */
            event_id?: string | null;
            event_time?: components["schemas"]["Timestamp"] | null;
            /** @description The prediction; `ID:ROW` names a row. */
            prediction_id?: string | null;
            /**
             * Format: int32
             * @description The row of the prediction.
             */
            row?: number | null;
            /** @description The row's key. */
            row_key?: string | null;
            /** @description The outcome: a number, a text, or true or false. */
            value: Record<string, unknown>;
        };
        /** @description What became of feedback. */
        FeedbackReceipt: {
            /**
             * Format: int64
             * @description Items whose `event_id` was known already.
             */
            duplicates: number;
            /**
             * Format: int64
             * @description Items stored.
             */
            stored: number;
            /**
             * Format: int64
             * @description Items that address no prediction; only with `ignore_unknown`.
             */
            unknown: number;
        };
        /** @description Outcomes of predictions. */
        FeedbackRequest: {
            /** @description The endpoint that predicted. */
            endpoint: string;
            /** @description Store the others when some address no prediction, rather than refuse all. */
            ignore_unknown?: boolean;
            /** @description The outcomes: all are stored, or none. */
            items: components["schemas"]["FeedbackItem"][];
        };
        /** @description A plan was written. */
        Fired: {
            /** @description The plan. */
            plan: string;
            /** @description The rollout that it will open. */
            rollout: string;
        };
        /** @description Fire a trigger by hand. */
        FireTrigger: {
            /** @description Train on this dataset version instead of the event log. */
            dataset?: string | null;
        };
        /** @description What is gone. */
        GcAnswer: {
            /**
             * Format: int64
             * @description Experiments.
             */
            experiments: number;
            /**
             * Format: int64
             * @description Files, of runs, models and experiments.
             */
            files: number;
            /**
             * Format: int64
             * @description Runs and models whose files are in another store, where they stay.
             */
            foreign: number;
            /**
             * Format: int64
             * @description How many stay, because a model version needs their files or because something in them stays.
             */
            kept: number;
            /** @description The first of those. */
            kept_names: string[];
            /**
             * Format: int64
             * @description Logged models.
             */
            logged_models: number;
            /**
             * Format: int64
             * @description Runs.
             */
            runs: number;
            /**
             * Format: int64
             * @description Contents that nothing referred to: remains of interrupted uploads.
             */
            swept: number;
        };
        /** @description What to remove for good. Without a list, all that is deleted; with one or more, only what they name. */
        GcRequest: {
            /** @description In every workspace; ids that a workspace does not have are left out. */
            all_workspaces?: boolean;
            /** @description These experiments, with all in them. */
            experiment_ids?: string[] | null;
            /** @description These logged models. */
            logged_model_ids?: string[] | null;
            /**
             * Format: double
             * @description Only what was deleted at least so many seconds ago.
             */
            older_than_s?: number | null;
            /** @description These runs. */
            run_ids?: string[] | null;
        };
        /** @description A guardrail as last looked at. */
        Guardrail: {
            /**
             * Format: double
             * @description What the interval is held against.
             */
            bound?: number | null;
            /** @description Whether it may decide. */
            decides: boolean;
            /**
             * Format: double
             * @description The estimate: candidate less champion.
             */
            estimate?: number | null;
            /**
             * Format: double
             * @description Upper end.
             */
            high?: number | null;
            /**
             * Format: double
             * @description Lower end of the always-valid interval.
             */
            low?: number | null;
            /** @description In one sentence. */
            message?: string | null;
            /** @description What it measures. */
            metric: string;
            /**
             * Format: int64
             * @description Units seen.
             */
            n: number;
            /** @description Its name. */
            name: string;
            /** @description `promote`, `hold`, `roll_back`, `too_few`, `invalid` or `recorded`. */
            verdict: string;
        };
        /** @description Counts by bins (numbers) or by value (text). */
        Histogram: {
            /**
             * Format: int64
             * @description Rows above the last edge.
             */
            above: number;
            /**
             * Format: int64
             * @description Rows below the first edge.
             */
            below: number;
            /** @description Rows by bin or value. */
            counts: number[];
            /** @description The edges of a number's bins, one more than counts. */
            edges?: number[] | null;
            /**
             * Format: int64
             * @description All rows.
             */
            n: number;
            /**
             * Format: int64
             * @description Rows without a value.
             */
            nulls: number;
            /**
             * Format: int64
             * @description Rows with a value that is not listed.
             */
            other: number;
            /** @description The values of a text column. */
            values?: string[] | null;
        };
        /** @description Something that happened. */
        HistoryItem: {
            /** @description When. */
            at: components["schemas"]["Timestamp"];
            /** @description What. */
            text: string;
        };
        /** @description The whole page. */
        Home: {
            /** @description One row per endpoint, by name. */
            endpoints: components["schemas"]["HomeRow"][];
            /** @description What to type next while there is no endpoint. */
            next_command?: string | null;
            /** @description The latest runs, newest first. */
            runs: components["schemas"]["RunSummary"][];
        };
        /** @description Who answers. */
        HomeChampion: {
            /** @description The revision. */
            revision: string;
            since?: components["schemas"]["Timestamp"] | null;
            /**
             * Format: int64
             * @description Its model version.
             */
            version: number;
        };
        /** @description The checks of a window. */
        HomeChecks: {
            /**
             * Format: int64
             * @description Checks failed.
             */
            failed: number;
            /** @description Its begin. */
            from: components["schemas"]["Timestamp"];
            /** @description The monitor. */
            monitor: string;
            /**
             * Format: int64
             * @description Checks passed.
             */
            passed: number;
            /**
             * Format: int64
             * @description Its rows.
             */
            rows: number;
            /** @description Its end. */
            to: components["schemas"]["Timestamp"];
            /** @description The window. */
            window: string;
        };
        /** @description An endpoint's events. */
        HomeData: {
            first_event_at?: components["schemas"]["Timestamp"] | null;
            last_event_at?: components["schemas"]["Timestamp"] | null;
            /**
             * Format: int64
             * @description Rows served.
             */
            rows: number;
        };
        /** @description The drift of a window. */
        HomeDrift: {
            /**
             * Format: int64
             * @description Features that drifted.
             */
            drifted: number;
            /**
             * Format: int64
             * @description Features looked at.
             */
            features: number;
            /** @description Its begin. */
            from: components["schemas"]["Timestamp"];
            /** @description The monitor. */
            monitor: string;
            /**
             * Format: int64
             * @description Its rows.
             */
            rows: number;
            /** @description Its end. */
            to: components["schemas"]["Timestamp"];
            /** @description `too_few`, `ok`, `warning`, `drift` or `failed`. */
            verdict: string;
            /** @description The window. */
            window: string;
        };
        /** @description Whether an endpoint can answer. */
        HomeHealth: {
            /** @description What is wrong. */
            message?: string | null;
            /**
             * Format: int64
             * @description Revisions that are ready.
             */
            ready: number;
            /**
             * Format: int64
             * @description Revisions that are not retired.
             */
            revisions: number;
            /** @description `ready`, `waiting` (no champion yet) or `failed`. */
            state: string;
        };
        /** @description An open rollout. */
        HomeRollout: {
            /** @description Its id. */
            id: string;
            /** @description Its state. */
            state: string;
            /**
             * Format: int64
             * @description The step that it is in, counted from 0.
             */
            step: number;
            /**
             * Format: int64
             * @description How many steps it has.
             */
            steps: number;
            /**
             * Format: int64
             * @description The candidate's version.
             */
            version: number;
            /**
             * Format: int32
             * @description The candidate's share, of 10,000.
             */
            weight: number;
        };
        /** @description An endpoint once around the loop. */
        HomeRow: {
            champion?: components["schemas"]["HomeChampion"] | null;
            checks?: components["schemas"]["HomeChecks"] | null;
            /** @description Its events. */
            data: components["schemas"]["HomeData"];
            drift?: components["schemas"]["HomeDrift"] | null;
            /** @description Its name. */
            endpoint: string;
            /** @description Whether it can answer. */
            health: components["schemas"]["HomeHealth"];
            /** @description The registered model that it follows. */
            model: string;
            /**
             * Format: int64
             * @description Alerts that are not over.
             */
            open_alerts: number;
            /** @description The project that owns it. */
            project: string;
            rollout?: components["schemas"]["HomeRollout"] | null;
            run?: components["schemas"]["HomeRun"] | null;
        };
        /** @description A run. */
        HomeRun: {
            ended_at?: components["schemas"]["Timestamp"] | null;
            /** @description Its id. */
            id: string;
            /** @description Its name. */
            name: string;
            /** @description When it started. */
            started_at: components["schemas"]["Timestamp"];
            /** @description Its status. */
            status: string;
        };
        /** @description An alias of a version. */
        IngestAlias: {
            /** @description The alias. */
            alias: string;
            /**
             * Format: int64
             * @description The version's number.
             */
            version: number;
        };
        /** @description Which records an import would like to bring. */
        IngestCheck: {
            /** @description At most 10,000. */
            keys: components["schemas"]["IngestKey"][];
        };
        /** @description A record that cannot come. */
        IngestCollision: {
            /** @description Its id. */
            id: string;
            /** @description `experiment`, `run`, `logged_model` or `model`. */
            kind: string;
            /** @description Why not. */
            message: string;
        };
        /** @description A dataset that a run read. */
        IngestDataset: {
            /** @description Its digest. */
            digest: string;
            /** @description Its name. */
            name: string;
            /** @description Its profile. */
            profile?: string | null;
            /** @description Its schema. */
            schema?: string | null;
            /** @description Where it came from. */
            source: string;
            /** @description What kind of source it has. */
            source_type: string;
            /** @description Tags of the use. */
            tags?: components["schemas"]["Pair"][];
        };
        /** @description An experiment. */
        IngestExperiment: {
            /** @description Where its artifacts go. */
            artifact_location: string;
            /**
             * Format: int64
             * @description When it was made.
             */
            created_ms: number;
            /**
             * Format: int64
             * @description Its number.
             */
            id: number;
            /** @description Deleted, and restorable. */
            is_deleted?: boolean;
            /** @description How its source is. */
            mark: string;
            /** @description Its name. */
            name: string;
            /** @description What tells it from another experiment of that number. */
            origin?: string;
            /** @description Its tags. */
            tags?: components["schemas"]["Pair"][];
            /**
             * Format: int64
             * @description When it last changed.
             */
            updated_ms: number;
        };
        /** @description A file that was stored. */
        IngestFile: {
            /** @description BLAKE3 of its content, as it was stored: 64 hex digits. */
            blake3: string;
            /** @description Its path in the workspace's artifacts. */
            path: string;
            /**
             * Format: int64
             * @description Its bytes.
             */
            size: number;
        };
        /** @description A record that an import would like to bring. */
        IngestKey: {
            /** @description A number, an id, a name, or the path of a folder of artifacts. */
            id: string;
            /** @description `experiment`, `run`, `logged_model`, `model` or `files`. */
            kind: string;
            /** @description The name that must be free for it. */
            name?: string | null;
            /** @description What tells it from another record of that id, such as when it was made. */
            origin?: string;
        };
        /** @description A logged model. */
        IngestLoggedModel: {
            /** @description Where its files are. */
            artifact_uri: string;
            /**
             * Format: int64
             * @description When it was made.
             */
            created_ms: number;
            /**
             * Format: int64
             * @description Number of its experiment.
             */
            experiment: number;
            /** @description Its id, without `m-`. */
            id: string;
            /** @description Deleted, and kept until collected. */
            is_deleted?: boolean;
            /** @description How its source is. */
            mark: string;
            /** @description Its metrics. */
            metrics?: components["schemas"]["IngestModelMetric"][];
            /** @description Its kind. */
            model_type?: string | null;
            /** @description Its name. */
            name: string;
            /** @description Its params. */
            params?: components["schemas"]["Pair"][];
            /** @description Where the files below `EXPERIMENT/models/m-ID/artifacts` of the server's tree lie, when it reads them in another store. */
            reference?: string | null;
            /** @description The run that made it. */
            source_run?: string | null;
            /** @description `PENDING`, `READY` or `FAILED`. */
            status: string;
            /** @description More about its status. */
            status_message?: string | null;
            /** @description Its tags. */
            tags?: components["schemas"]["Pair"][];
            /**
             * Format: int64
             * @description When it last changed.
             */
            updated_ms: number;
        };
        /** @description A record that an import brought, and how its source was then. */
        IngestMark: {
            /** @description Its id. */
            id: string;
            /** @description `experiment`, `run`, `logged_model`, `model` or `files`. */
            kind: string;
            /** @description How its source was. */
            mark: string;
            /** @description What tells it from another record of that id. */
            origin?: string;
        };
        /** @description A registered model with some of its versions. */
        IngestModel: {
            /** @description Aliases of versions that are here or in this request. */
            aliases?: components["schemas"]["IngestAlias"][];
            /**
             * Format: int64
             * @description When it was made.
             */
            created_ms: number;
            /** @description What its makers say about it. */
            description?: string | null;
            /**
             * Format: int64
             * @description The highest number that it has given, also to versions that are gone.
             */
            last_number?: number;
            /** @description How its source is. */
            mark: string;
            /** @description Its name. */
            name: string;
            /** @description What tells it from another model of that name. */
            origin?: string;
            /** @description Its tags. */
            tags?: components["schemas"]["Pair"][];
            /**
             * Format: int64
             * @description When it last changed.
             */
            updated_ms: number;
            /** @description Versions, which need not be all of them. */
            versions?: components["schemas"]["IngestVersion"][];
        };
        /** @description A metric of a logged model. */
        IngestModelMetric: {
            /**
             * Format: int64
             * @description When.
             */
            at_ms: number;
            /** @description Digest of that dataset. */
            dataset_digest?: string | null;
            /** @description Name of the dataset that it was measured on. */
            dataset_name?: string | null;
            /** @description The metric. */
            key: string;
            /** @description The run that measured it. */
            run: string;
            /**
             * Format: int64
             * @description At which step.
             */
            step: number;
            /** @description Its value. */
            value: Record<string, unknown>;
        };
        /** @description A logged model that a run made. */
        IngestOutput: {
            /** @description Its id. */
            model: string;
            /**
             * Format: int64
             * @description The step at which it was made.
             */
            step: number;
        };
        /** @description What a run holds, counted and summed: equal runs have equal fingerprints. */
        IngestPrint: {
            /**
             * Format: int64
             * @description Its params.
             */
            params: number;
            /**
             * Format: int64
             * @description The points of all its metrics.
             */
            points: number;
            /** @description The run. */
            run: string;
            /** @description Sum of the hashes of all of them, in any order. */
            sum: string;
            /**
             * Format: int64
             * @description Its tags.
             */
            tags: number;
        };
        /** @description Of which runs the fingerprints are wanted. */
        IngestPrintsOf: {
            /** @description At most 1,000 ids. */
            runs: string[];
        };
        /** @description How much was taken over. */
        IngestReceipt: {
            /**
             * Format: int64
             * @description Experiments.
             */
            experiments: number;
            /**
             * Format: int64
             * @description Logged models.
             */
            logged_models: number;
            /**
             * Format: int64
             * @description Registered models.
             */
            models: number;
            /**
             * Format: int64
             * @description Points.
             */
            points: number;
            /**
             * Format: int64
             * @description Runs.
             */
            runs: number;
            /**
             * Format: int64
             * @description Versions.
             */
            versions: number;
        };
        /** @description Records to take over, with the ids, times and users that they have. */
        IngestRequest: {
            /** @description Experiments. */
            experiments?: components["schemas"]["IngestExperiment"][];
            /** @description Logged models. */
            logged_models?: components["schemas"]["IngestLoggedModel"][];
            /** @description Marks, written last: those of records that are whole now. */
            marks?: components["schemas"]["IngestMark"][];
            /** @description Registered models with versions. */
            models?: components["schemas"]["IngestModel"][];
            /** @description Runs, of experiments that are here or in this request. */
            runs?: components["schemas"]["IngestRun"][];
            /** @description Points, of runs that are here or in this request. */
            series?: components["schemas"]["IngestSeries"][];
        };
        /** @description A folder that the workspace may read in place, and never writes or collects. */
        IngestRoot: {
            /** @description An absolute path on the server's machine, or `file://` and one. */
            uri: string;
        };
        /** @description A run. */
        IngestRun: {
            /** @description Where its artifacts are. */
            artifact_uri: string;
            /** @description The datasets that it read. */
            datasets?: components["schemas"]["IngestDataset"][];
            /**
             * Format: int64
             * @description When it was deleted.
             */
            deleted_ms?: number | null;
            /**
             * Format: int64
             * @description When it ended.
             */
            end_ms?: number | null;
            /**
             * Format: int64
             * @description Number of its experiment.
             */
            experiment: number;
            /** @description Its id. */
            id: string;
            /** @description Deleted, and restorable. */
            is_deleted?: boolean;
            /** @description How its source is; a mark of its own replaces it when the points are in too. */
            mark: string;
            /** @description The logged models that it read. */
            model_inputs?: string[];
            /** @description The logged models that it made. */
            model_outputs?: components["schemas"]["IngestOutput"][];
            /** @description Its name. */
            name: string;
            /** @description Its params. */
            params?: components["schemas"]["Pair"][];
            /** @description Where the files below `EXPERIMENT/ID/artifacts` of the server's tree lie, when it reads them in another store. */
            reference?: string | null;
            /**
             * Format: int64
             * @description When it began.
             */
            start_ms: number;
            /** @description `RUNNING`, `SCHEDULED`, `FINISHED`, `FAILED` or `KILLED`. */
            status: string;
            /** @description Its tags. */
            tags?: components["schemas"]["Pair"][];
            /** @description Who made it. */
            user: string;
        };
        /** @description Points of one metric of one run, in three columns of one length. */
        IngestSeries: {
            /** @description When. */
            at_ms: number[];
            /** @description The metric. */
            key: string;
            /** @description The run. */
            run: string;
            /** @description At which step. */
            step: number[];
            /** @description The values; NaN and the infinities as `"NaN"`, `"Infinity"`, `"-Infinity"`. */
            value: Record<string, unknown>[];
        };
        /** @description What is here of the records that an import would like to bring. */
        IngestState: {
            /** @description Those that cannot come. */
            collisions: components["schemas"]["IngestCollision"][];
            /** @description Those that an import brought. */
            known: components["schemas"]["IngestMark"][];
        };
        /** @description A version of a registered model. */
        IngestVersion: {
            /** @description Who made it. */
            created_by?: string | null;
            /**
             * Format: int64
             * @description When it was made.
             */
            created_ms: number;
            /** @description What its makers say about it. */
            description?: string | null;
            /** @description The run that made it. */
            run_id?: string | null;
            /** @description A link to its run, for people. */
            run_link?: string | null;
            /** @description Where its files are. */
            source: string;
            /** @description `None`, `Staging`, `Production` or `Archived`. */
            stage: string;
            /** @description `READY`, `PENDING_REGISTRATION` or `FAILED_REGISTRATION`. */
            status: string;
            /** @description Why not ready. */
            status_message?: string | null;
            /** @description Where its files really are, where `source` names another version. */
            storage?: string | null;
            /** @description Its tags. */
            tags?: components["schemas"]["Pair"][];
            /**
             * Format: int64
             * @description When it last changed.
             */
            updated_ms: number;
            /**
             * Format: int64
             * @description Its number.
             */
            version: number;
        };
        /** @description What an object came from, or what came from it. */
        Lineage: {
            /** @description `upstream` or `downstream`. */
            direction: string;
            /** @description The edges that were walked, nearest first. */
            edges: components["schemas"]["LineageEdge"][];
            /** @description Where the walk began. */
            node: components["schemas"]["ObjectRef"];
            /** @description The predictions that were touched, by endpoint; downstream only. */
            predictions: components["schemas"]["PredictionsTouched"][];
        };
        /** @description One edge: `from` was made with, of or by `to`. */
        LineageEdge: {
            /** @description When the edge came to be. */
            at: components["schemas"]["Timestamp"];
            /** @description The later object. */
            from: components["schemas"]["ObjectRef"];
            /** @description What it has to do with the earlier one. */
            relation: string;
            /** @description The earlier object. */
            to: components["schemas"]["ObjectRef"];
        };
        /** @description A page of a list. */
        List: {
            /** @description The items, in the order of the path's description. */
            items: components["schemas"]["AuditRow"][];
            /** @description What to give as `page` for the next items; absent at the end. */
            next?: string | null;
        };
        /** @description A measured number. JSON has no words for those that are not finite, so they are texts. */
        Measure: number | string;
        /** @description The points of a metric. */
        MetricHistory: {
            /** @description Its key. */
            key: string;
            /** @description What to give as `page` for the next points; absent at the end. */
            next?: string | null;
            /** @description Its points, in the order of steps. */
            points: components["schemas"]["MetricPoint"][];
        };
        /** @description A metric that some runs have. */
        MetricKey: {
            /** @description The greatest of the latest values. */
            high: components["schemas"]["Measure"];
            /** @description Its key. */
            key: string;
            /** @description The least of the latest values. */
            low: components["schemas"]["Measure"];
        };
        /** @description The latest value of a metric. */
        MetricLast: {
            /** @description When. */
            at: components["schemas"]["Timestamp"];
            /** @description Its key. */
            key: string;
            /**
             * Format: int64
             * @description Its step.
             */
            step: number;
            /**
             * Format: double
             * @description Its value; `null` when it is not finite.
             */
            value?: number | null;
        };
        /** @description One point of a metric. */
        MetricPoint: {
            /** @description When. */
            at: components["schemas"]["Timestamp"];
            /**
             * Format: int64
             * @description The step.
             */
            step: number;
            /**
             * Format: double
             * @description The value; `null` when it is not finite.
             */
            value?: number | null;
        };
        /** @description A registered model with its versions. */
        Model: {
            /** @description Its aliases. */
            aliases: components["schemas"]["Alias"][];
            /** @description When it was registered. */
            created_at: components["schemas"]["Timestamp"];
            /** @description What somebody wrote about it. */
            description?: string | null;
            /**
             * Format: int64
             * @description Its newest version.
             */
            latest_version?: number | null;
            /** @description Its name. */
            name: string;
            /** @description Its versions, newest first. */
            versions: components["schemas"]["ModelVersion"][];
        };
        /** @description A registered model, in a list. */
        ModelSummary: {
            /** @description Its aliases. */
            aliases: components["schemas"]["Alias"][];
            /** @description When it was registered. */
            created_at: components["schemas"]["Timestamp"];
            /** @description What somebody wrote about it. */
            description?: string | null;
            /**
             * Format: int64
             * @description Its newest version.
             */
            latest_version?: number | null;
            /** @description Its name. */
            name: string;
        };
        /** @description A version of a registered model. */
        ModelVersion: {
            /** @description The aliases that point at it. */
            aliases: string[];
            /** @description When it was registered. */
            created_at: components["schemas"]["Timestamp"];
            /** @description By whom. */
            created_by: string;
            /** @description What somebody wrote about it. */
            description?: string | null;
            /** @description The model. */
            model: string;
            /** @description The run that made it. */
            run_id?: string | null;
            /** @description Where its files are. */
            source: string;
            /** @description MLflow's stage, where it has one. */
            stage?: string | null;
            /** @description MLflow's word for its state. */
            status: string;
            /** @description Its tags. */
            tags: {
                [key: string]: string;
            };
            /**
             * Format: int64
             * @description Counted from 1.
             */
            version: number;
        };
        /** @description A monitor. */
        Monitor: {
            /** @description The endpoint that it watches. */
            endpoint: string;
            last_judged_to?: components["schemas"]["Timestamp"] | null;
            /** @description Its name. */
            name: string;
            /** @description The project that owns it. */
            project: string;
            /** @description How long a window is, such as `1d`. */
            window: string;
        };
        /** @description One judged window. */
        MonitorWindow: {
            /** @description The checks; in lists only those that did not pass. */
            checks: components["schemas"]["WindowCheck"][];
            /** @description The endpoint. */
            endpoint: string;
            /** @description The features; histograms only in the answer for one window. */
            features: components["schemas"]["FeatureDrift"][];
            /** @description First event time. */
            from: components["schemas"]["Timestamp"];
            /** @description Its id. */
            id: string;
            /** @description As of when it was judged, by the loop's clock. */
            judged_at: components["schemas"]["Timestamp"];
            /**
             * Format: int64
             * @description Rows whose outcome is known.
             */
            labelled_rows: number;
            /**
             * Format: int64
             * @description The champion whose reference it was judged by.
             */
            model_version?: number | null;
            /** @description The monitor. */
            monitor: string;
            /** @description The performance by the others. */
            other_performance: components["schemas"]["Performance"][];
            performance?: components["schemas"]["Performance"] | null;
            prediction?: components["schemas"]["FeatureDrift"] | null;
            /** @description Earlier judgements, oldest first. */
            rescores: components["schemas"]["Rescore"][];
            /**
             * Format: int64
             * @description Rows served.
             */
            rows: number;
            /** @description The event time before which it ends. */
            to: components["schemas"]["Timestamp"];
            /** @description `too_few`, `ok`, `warning`, `drift` or `failed`. */
            verdict: string;
        };
        /** @description A token to make. */
        NewToken: {
            expires_at?: components["schemas"]["Timestamp"] | null;
            /** @description The principal's name, written beside every change. */
            name: string;
            /** @description `viewer`, `editor`, `operator` or `admin`. */
            role: string;
        };
        /** @description A new token, with its text: shown this once. */
        NewTokenAnswer: {
            /** @description The token. */
            info: components["schemas"]["TokenInfo"];
            /** @description The whole text, to be given as Bearer, as MLflow's password or as `x-api-key`. */
            token: string;
        };
        /** @description A workspace to make. */
        NewWorkspace: {
            /** @description Its name. */
            name: string;
        };
        /** @description What was learned from a column of numbers. */
        NumericProfile: {
            /** @description Values by bin. */
            counts: number[];
            /** @description The edges of equal-width bins, one more than counts. */
            edges: number[];
            /**
             * Format: double
             * @description Greatest value.
             */
            max: number;
            /**
             * Format: double
             * @description Mean.
             */
            mean: number;
            /**
             * Format: double
             * @description Least value.
             */
            min: number;
            /**
             * Format: double
             * @description Standard deviation.
             */
            std: number;
        };
        /** @description Something that points at an object. */
        ObjectRef: {
            /** @description Its id; a model version is `NAME/VERSION`. */
            id: string;
            /** @description `prediction`, `revision`, `model_version`, `run`, `dataset_version`, `commit`, `endpoint`, `execution`, `plan`… */
            kind: string;
        };
        /** @description A key with a value. */
        Pair: {
            /** @description The key. */
            key: string;
            /** @description The value. */
            value: string;
        };
        /** @description How well the champion did. */
        Performance: {
            /**
             * Format: double
             * @description What was expected.
             */
            baseline?: number | null;
            /**
             * Format: double
             * @description Upper end.
             */
            high: number;
            /**
             * Format: double
             * @description Lower end of the 95% interval.
             */
            low: number;
            /** @description The metric. */
            metric: string;
            /**
             * Format: int64
             * @description Rows with an outcome.
             */
            rows: number;
            /**
             * Format: double
             * @description Its value.
             */
            value: number;
        };
        /** @description What the loop has written down to do. */
        Plan: {
            /** @description Why. */
            cause: string;
            /** @description When it was written, by the loop's clock. */
            created_at: components["schemas"]["Timestamp"];
            ended_at?: components["schemas"]["Timestamp"] | null;
            /** @description The endpoint. */
            endpoint: string;
            /** @description Its id. */
            id: string;
            /** @description The rollout that it opens. */
            rollout: string;
            /** @description The run that training is recorded under. */
            run: string;
            /** @description `running`, `promoted`, `refused`, `kept_champion`, `recommended` or `failed`. */
            state: string;
            /** @description Its steps, in order. */
            steps: components["schemas"]["PlanStep"][];
            /** @description The trigger that started it; empty when a person sent a version by hand. */
            trigger: string;
            /**
             * Format: int64
             * @description The model version that it is about, as soon as that is known.
             */
            version?: number | null;
        };
        /** @description One step of a plan. */
        PlanStep: {
            ended_at?: components["schemas"]["Timestamp"] | null;
            /** @description Why it failed. */
            error?: string | null;
            /** @description What to do about it. */
            hint?: string | null;
            /** @description `freeze`, `dataset`, `train`, `register`, `gate`, `rollout` or `verdict`. */
            name: string;
            /** @description What it found or made. */
            output: Record<string, unknown>;
            started_at?: components["schemas"]["Timestamp"] | null;
            /** @description `pending`, `running`, `done`, `failed` or `skipped`. */
            state: string;
        };
        /** @description Predictions made by revisions that descend from an object. */
        PredictionsTouched: {
            /** @description The endpoint. */
            endpoint: string;
            /** @description Event time of the first. */
            from: components["schemas"]["Timestamp"];
            /**
             * Format: int64
             * @description Rows served by them.
             */
            rows: number;
            /** @description Event time of the last. */
            to: components["schemas"]["Timestamp"];
            /** @description The model versions that answered. */
            versions: number[];
        };
        /** @description Something that is not as it should be. */
        Problem: {
            /** @description What to do about it. */
            hint?: string | null;
            /** @description What is wrong. */
            message: string;
            /** @description Of what: `onnx runtime`, `disk`, `endpoint`. */
            what: string;
        };
        /** @description A registered project. */
        ProjectInfo: {
            /** @description The commit that executions use. */
            commit: string;
            /** @description Its repository. */
            git: string;
            /** @description Its name. */
            name: string;
            /** @description The folder in it. */
            subfolder: string;
        };
        /** @description Where a project's code is. */
        ProjectSource: {
            /** @description A commit, branch or tag. */
            commit: string;
            /** @description URL of its git repository, or a path on the server's machine. */
            git: string;
            /** @description The folder in it that holds `dvc.yaml`; empty for its root. */
            subfolder?: string;
        };
        /** @description Events that training must not see. */
        QuarantineRow: {
            /** @description The alert that told of it. */
            alert?: string | null;
            /** @description When it was put there. */
            at: components["schemas"]["Timestamp"];
            /** @description In words. */
            cause: string;
            /** @description The columns that are wrong; empty: all. */
            columns: string[];
            /** @description The endpoint. */
            endpoint: string;
            /** @description From this event time. */
            from: components["schemas"]["Timestamp"];
            /** @description Until before this event time. */
            to: components["schemas"]["Timestamp"];
        };
        /** @description An earlier judgement of a window. */
        Rescore: {
            /** @description As of when. */
            judged_at: components["schemas"]["Timestamp"];
            /**
             * Format: int64
             * @description Rows with an outcome then.
             */
            labelled_rows: number;
            performance?: components["schemas"]["Performance"] | null;
            /**
             * Format: int64
             * @description Rows then.
             */
            rows: number;
            /** @description The verdict then. */
            verdict: string;
        };
        /** @description A model version with an engine. */
        Revision: {
            /** @description When it was added. */
            created_at: components["schemas"]["Timestamp"];
            /** @description Its endpoint. */
            endpoint: string;
            /** @description Why it failed. */
            error?: string | null;
            /** @description Its id. */
            id: string;
            /** @description The registered model. */
            model: string;
            /** @description `loading`, `ready`, `failed` or `retired`. */
            state: string;
            /**
             * Format: int64
             * @description The version of that model.
             */
            version: number;
        };
        /** @description The move of an endpoint from one revision to another. */
        Rollout: {
            /** @description Why. */
            cause: string;
            /** @description When it was opened, by the loop's clock. */
            created_at: components["schemas"]["Timestamp"];
            /** @description When it is given up. */
            deadline: components["schemas"]["Timestamp"];
            ended_at?: components["schemas"]["Timestamp"] | null;
            /** @description The endpoint. */
            endpoint: string;
            from?: components["schemas"]["RolloutEnd"] | null;
            /** @description What the gate found; absent when it was skipped. */
            gate?: Record<string, unknown> | null;
            /** @description The guardrails as last looked at. */
            guardrails: components["schemas"]["Guardrail"][];
            /** @description What happened, oldest first. */
            history: components["schemas"]["HistoryItem"][];
            /** @description Its id. */
            id: string;
            looked_at?: components["schemas"]["Timestamp"] | null;
            /** @description The registered model that the endpoint follows. */
            model: string;
            /** @description Why it ended. */
            outcome?: string | null;
            /** @description The plan that opened it. */
            plan: string;
            /** @description `running`, `promoted`, `rolled_back`, `inconclusive` or `aborted`. */
            state: string;
            /**
             * Format: int64
             * @description The step that it is in, counted from 0.
             */
            step: number;
            /** @description Its steps. */
            steps: components["schemas"]["RolloutStep"][];
            /** @description The candidate. */
            to: components["schemas"]["RolloutEnd"];
            /**
             * Format: int32
             * @description The candidate's share now, of 10,000.
             */
            weight: number;
        };
        /** @description One side of a rollout. */
        RolloutEnd: {
            /** @description The revision. */
            revision?: string | null;
            /**
             * Format: int64
             * @description Its model version.
             */
            version: number;
        };
        /** @description One step. */
        RolloutStep: {
            ended_at?: components["schemas"]["Timestamp"] | null;
            entered_at?: components["schemas"]["Timestamp"] | null;
            /** @description The least time in it, such as `1d`. */
            hold: string;
            /** @description `shadow`, `canary` or `bake`. */
            kind: string;
            /** @description What is worth saying about it. */
            message?: string | null;
            /** @description For a person. */
            name: string;
            /** @description `pending`, `current`, `done` or `skipped`. */
            state: string;
            /**
             * Format: int32
             * @description The candidate's share in it, of 10,000.
             */
            weight: number;
        };
        /** @description A run. */
        Run: {
            /** @description What lies at the root of its artifacts. */
            artifacts: components["schemas"]["ArtifactEntry"][];
            /** @description What it read. */
            datasets: components["schemas"]["RunDataset"][];
            ended_at?: components["schemas"]["Timestamp"] | null;
            /** @description The experiment's name. */
            experiment: string;
            /** @description The experiment's id. */
            experiment_id: string;
            /** @description Its id. */
            id: string;
            /** @description The latest value of each metric. */
            metrics: components["schemas"]["MetricLast"][];
            /** @description Its name. */
            name: string;
            /** @description Its parameters. */
            params: components["schemas"]["Pair"][];
            /** @description When it started. */
            started_at: components["schemas"]["Timestamp"];
            /** @description MLflow's word for its state. */
            status: string;
            /** @description Its tags. */
            tags: components["schemas"]["Pair"][];
            /** @description Who started it. */
            user?: string | null;
            /** @description The model versions that it made. */
            versions: components["schemas"]["VersionRef"][];
        };
        /** @description A dataset that a run read. */
        RunDataset: {
            /** @description What for. */
            context?: string | null;
            /** @description Its digest. */
            digest: string;
            /** @description Its name. */
            name: string;
        };
        /** @description What the runs of some experiments have. */
        RunKeys: {
            /** @description Whether there are more keys than these. */
            is_cut: boolean;
            /** @description Metrics, by key. */
            metrics: components["schemas"]["MetricKey"][];
            /** @description Params, by key. */
            params: components["schemas"]["TextKey"][];
            /** @description Tags, by key. */
            tags: components["schemas"]["TextKey"][];
        };
        /** @description A run in a table. */
        RunRow: {
            ended_at?: components["schemas"]["Timestamp"] | null;
            /** @description The experiment's name. */
            experiment: string;
            /** @description The experiment's id. */
            experiment_id: string;
            /** @description Its id. */
            id: string;
            /** @description The latest values of the metrics that were asked for and that it has. */
            metrics: {
                [key: string]: components["schemas"]["Measure"];
            };
            /** @description Its name. */
            name: string;
            /** @description Its params among those asked for. */
            params: {
                [key: string]: string;
            };
            /** @description When it started. */
            started_at: components["schemas"]["Timestamp"];
            /** @description MLflow's word for its state. */
            status: string;
            /** @description Its tags among those asked for. */
            tags: {
                [key: string]: string;
            };
            /** @description Who started it. */
            user?: string | null;
        };
        /** @description Which runs, in which order, with which columns. */
        RunsQuery: {
            /** @description The columns of the answer: `metrics.KEY`, `params.KEY`, `tags.KEY`; absent is all of them. */
            columns?: string[] | null;
            /** @description Deleted runs in place of active ones. */
            deleted?: boolean;
            /** @description Ids or names of experiments; none is all active ones. */
            experiments?: string[];
            /** @description A filter in MLflow's grammar, such as `metrics.loss < 0.1 AND params.lr = '0.01'`. */
            filter?: string;
            /** @description Only these runs, in this order; filter, order and pages are not for them. */
            ids?: string[];
            /**
             * Format: int32
             * @description Most rows in the answer.
             */
            limit?: number | null;
            /** @description Order clauses, such as `metrics.loss ASC`. */
            order_by?: string[];
            /** @description `next` of the page before. */
            page?: string | null;
        };
        /** @description A run, in a list. */
        RunSummary: {
            ended_at?: components["schemas"]["Timestamp"] | null;
            /** @description The experiment's name. */
            experiment: string;
            /** @description The experiment's id. */
            experiment_id: string;
            /** @description Its id. */
            id: string;
            /** @description The latest value of each metric. */
            metrics: components["schemas"]["MetricLast"][];
            /** @description Its name. */
            name: string;
            /** @description When it started. */
            started_at: components["schemas"]["Timestamp"];
            /** @description MLflow's word for its state. */
            status: string;
            /** @description Who started it. */
            user?: string | null;
        };
        /** @description A curve: the points of a metric of a run, by step and then time, thinned to what a chart can show. */
        Series: {
            /** @description The times, in milliseconds since 1970. */
            at_ms: number[];
            /** @description The metric. */
            key: string;
            /** @description The run. */
            run: string;
            /** @description The steps. */
            steps: number[];
            /** @description The values; `null` where one is not finite. */
            values: (number | null)[];
        };
        /** @description Curves to draw. */
        SeriesQuery: {
            /**
             * Format: int64
             * @description Only steps from this one on.
             */
            from_step?: number | null;
            /** @description Keys of metrics. */
            keys: string[];
            /**
             * Format: int32
             * @description About how many points of each; default 320.
             */
            points?: number | null;
            /** @description Ids of runs. */
            runs: string[];
            /**
             * Format: int64
             * @description Only steps up to this one.
             */
            to_step?: number | null;
        };
        /** @description What answers. */
        ServerInfo: {
            /** @description `sqlite` or `postgres`. */
            database: string;
            /** @description Whether ONNX Runtime was found, and where. */
            onnx_runtime?: string | null;
            /** @description The caller's name. */
            principal: string;
            /** @description What is not as it should be; empty when all is well. */
            problems: components["schemas"]["Problem"][];
            /** @description The caller's role. */
            role: string;
            /** @description When the process started. */
            started_at: components["schemas"]["Timestamp"];
            /** @description The program's version. */
            version: string;
            /** @description The caller's workspace. */
            workspace: string;
        };
        /** @description A share of requests. */
        Share: {
            /** @description The revision. */
            revision: string;
            /**
             * Format: int32
             * @description Of 10,000 requests.
             */
            weight: number;
        };
        /** @description A version to send. */
        StartRollout: {
            /** @description To which endpoint. */
            endpoint: string;
            /** @description Enter at the canary's first step, without gate and shadow. */
            skip_gate?: boolean;
            /**
             * Format: int64
             * @description Which version of its model.
             */
            version: number;
        };
        /** @description A param or tag that some runs have. */
        TextKey: {
            /** @description The last value, by text: the same where all runs that have the key agree. */
            high: string;
            /** @description Its key. */
            key: string;
            /** @description The first value, by text; at most 200 characters. */
            low: string;
        };
        /**
         * Format: date-time
         * @description A moment in UTC, RFC 3339.
         */
        Timestamp: string;
        /** @description A token, without its secret. */
        TokenInfo: {
            /** @description When it was made. */
            created_at: components["schemas"]["Timestamp"];
            /** @description By whom. */
            created_by: string;
            expires_at?: components["schemas"]["Timestamp"] | null;
            /** @description Its public part. */
            id: string;
            /** @description The principal's name. */
            name: string;
            revoked_at?: components["schemas"]["Timestamp"] | null;
            /** @description What it may do. */
            role: string;
            /** @description The workspace that it opens. */
            workspace: string;
        };
        /** @description Who answers. */
        Traffic: {
            canary?: components["schemas"]["Share"] | null;
            /** @description The revision that answers what no other does. */
            champion?: string | null;
            /**
             * Format: int64
             * @description Grows by one with every change.
             */
            generation: number;
            /** @description The revision that scores and does not answer. */
            shadow?: string | null;
        };
        /** @description What starts a pipeline. */
        Trigger: {
            /** @description The least time between two starts, such as `7d`. */
            cooldown: string;
            /** @description Where the training dataset version is put, in the project. */
            dataset: string;
            /** @description The endpoint that it keeps on course. */
            endpoint: string;
            /** @description The monitor whose alerts start it. */
            monitor?: string | null;
            /** @description Its name. */
            name: string;
            /** @description The project that owns it. */
            project: string;
            /** @description The stages that it runs. */
            stages: string[];
        };
        /** @description How often a value occurs. */
        ValueCount: {
            /**
             * Format: int64
             * @description How often.
             */
            count: number;
            /** @description The value. */
            value: string;
        };
        /** @description A model version. */
        VersionRef: {
            /** @description The model. */
            model: string;
            /**
             * Format: int64
             * @description The version.
             */
            version: number;
        };
        /** @description One check of one window. */
        WindowCheck: {
            /** @description `presence`, `type`, `nulls`, `domain`, `range`, `unit`… */
            check: string;
            /** @description The column. */
            column?: string | null;
            /** @description What the reference says. */
            expected: string;
            /** @description In words. */
            message: string;
            /** @description What was found. */
            observed: string;
            /** @description Whether all is well. */
            passed: boolean;
            /** @description `warning` or `error`. */
            severity: string;
        };
        /** @description A workspace. */
        WorkspaceInfo: {
            /** @description When it was made. */
            created_at: components["schemas"]["Timestamp"];
            /** @description By whom. */
            created_by: string;
            /** @description Its name. */
            name: string;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    listAlerts: {
        parameters: {
            query?: {
                /** @description Only of this endpoint. */
                endpoint?: string;
                /** @description Most items in the answer. */
                limit?: number;
                /** @description Only of this monitor. */
                monitor?: string;
                /** @description Only those that are not over. */
                open?: boolean;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["List"];
                };
            };
            /** @description Refused, or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    apply: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ApplyRequest"];
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Applied"];
                };
            };
            /** @description Refused, or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    listAudit: {
        parameters: {
            query?: {
                /** @description Most items in the answer. */
                limit?: number;
                /** @description `next` of the page before. */
                page?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["List"];
                };
            };
            /** @description Refused, or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    beginBackup: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Backup"];
                };
            };
            /** @description Refused, or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    endBackup: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": string;
                };
            };
            /** @description Refused, or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    getBackupFile: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
                path: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/octet-stream": string;
                };
            };
            /** @description Refused, or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    getClock: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ClockState"];
                };
            };
            /** @description Refused, or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    setClock: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ClockTo"];
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ClockState"];
                };
            };
            /** @description Refused, or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    listDatasets: {
        parameters: {
            query?: {
                /** @description Most items in the answer. */
                limit?: number;
                /** @description Only of this dataset. */
                name?: string;
                /** @description `next` of the page before. */
                page?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["List"];
                };
            };
            /** @description Refused, or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    createDataset: {
        parameters: {
            query?: {
                /** @description The file's name; its suffix says the format (default Parquet). */
                file?: string;
                /** @description The dataset's name. */
                name?: string;
                /** @description The column with each row's time. */
                time_column?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/vnd.apache.parquet": string;
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DatasetVersion"];
                };
            };
            /** @description Refused, or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    getDataset: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DatasetVersion"];
                };
            };
            /** @description Refused, or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    createDatasetFromEvents: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["DatasetFromEvents"];
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DatasetVersion"];
                };
            };
            /** @description Refused, or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    listDecisions: {
        parameters: {
            query?: {
                /** @description Only what came after this place. */
                after?: number;
                /** @description Only of this endpoint. */
                endpoint?: string;
                /** @description Most items in the answer. */
                limit?: number;
                /** @description `next` of the page before. */
                page?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["List"];
                };
            };
            /** @description Refused, or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    listEndpoints: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["List"];
                };
            };
            /** @description Refused, or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    getEndpoint: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Endpoint"];
                };
            };
            /** @description Refused, or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    streamEvents: {
        parameters: {
            query?: {
                /** @description Begin after this place; default: now. */
                after?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": string;
                };
            };
            /** @description Refused, or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    listExperiments: {
        parameters: {
            query?: {
                /** @description Most items in the answer. */
                limit?: number;
                /** @description `next` of the page before. */
                page?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["List"];
                };
            };
            /** @description Refused, or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    postFeedback: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["FeedbackRequest"];
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["FeedbackReceipt"];
                };
            };
            /** @description Refused, or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    collectGarbage: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["GcRequest"];
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GcAnswer"];
                };
            };
            /** @description Refused, or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    getHome: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Home"];
                };
            };
            /** @description Refused, or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    ingest: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["IngestRequest"];
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["IngestReceipt"];
                };
            };
            /** @description Refused, or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    checkIngest: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["IngestCheck"];
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["IngestState"];
                };
            };
            /** @description Refused, or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    putIngestFile: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                path: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/octet-stream": string;
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["IngestFile"];
                };
            };
            /** @description Refused, or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    getIngestPrints: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["IngestPrintsOf"];
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["List"];
                };
            };
            /** @description Refused, or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    addIngestRoot: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["IngestRoot"];
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["IngestRoot"];
                };
            };
            /** @description Refused, or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    getLineage: {
        parameters: {
            query?: {
                /** @description How many steps to walk. */
                depth?: number;
                /** @description `upstream` or `downstream`; default: downstream for dataset versions and commits, else upstream. */
                direction?: string;
            };
            header?: never;
            path: {
                id: string;
                kind: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Lineage"];
                };
            };
            /** @description Refused, or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    listModels: {
        parameters: {
            query?: {
                /** @description Most items in the answer. */
                limit?: number;
                /** @description `next` of the page before. */
                page?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["List"];
                };
            };
            /** @description Refused, or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    getModel: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Model"];
                };
            };
            /** @description Refused, or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    listAliasMoves: {
        parameters: {
            query?: {
                /** @description Only of this alias. */
                alias?: string;
                /** @description Most items in the answer. */
                limit?: number;
                /** @description `next` of the page before. */
                page?: string;
            };
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["List"];
                };
            };
            /** @description Refused, or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    listModelFiles: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: string;
                version: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["List"];
                };
            };
            /** @description Refused, or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    getModelFile: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: string;
                path: string;
                version: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/octet-stream": string;
                };
            };
            /** @description Refused, or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    listMonitors: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["List"];
                };
            };
            /** @description Refused, or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    getMonitor: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Monitor"];
                };
            };
            /** @description Refused, or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    listWindows: {
        parameters: {
            query?: {
                /** @description Windows that begin at this time or later. */
                from?: string;
                /** @description Most items in the answer. */
                limit?: number;
                /** @description Windows that begin before this time: `next` of the page before. */
                to?: string;
            };
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["List"];
                };
            };
            /** @description Refused, or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    getOpenapi: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": string;
                };
            };
            /** @description Refused, or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    listPlans: {
        parameters: {
            query?: {
                /** @description Only the newest of this endpoint, in one page. */
                endpoint?: string;
                /** @description Most items in the answer. */
                limit?: number;
                /** @description `next` of the page before. */
                page?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["List"];
                };
            };
            /** @description Refused, or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    getPlan: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Plan"];
                };
            };
            /** @description Refused, or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    getProject: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProjectInfo"];
                };
            };
            /** @description Refused, or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    listQuarantines: {
        parameters: {
            query?: {
                /** @description Only of this endpoint. */
                endpoint?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["List"];
                };
            };
            /** @description Refused, or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    listRollouts: {
        parameters: {
            query?: {
                /** @description Only of this endpoint. */
                endpoint?: string;
                /** @description Most items in the answer. */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["List"];
                };
            };
            /** @description Refused, or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    startRollout: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["StartRollout"];
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Fired"];
                };
            };
            /** @description Refused, or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    getRollout: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Rollout"];
                };
            };
            /** @description Refused, or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    abortRollout: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AbortRollout"];
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Rollout"];
                };
            };
            /** @description Refused, or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    listRuns: {
        parameters: {
            query?: {
                /** @description Only of this experiment, by id or name. */
                experiment?: string;
                /** @description Most items in the answer. */
                limit?: number;
                /** @description `next` of the page before. */
                page?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["List"];
                };
            };
            /** @description Refused, or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    getRun: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Run"];
                };
            };
            /** @description Refused, or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    getMetricHistory: {
        parameters: {
            query?: {
                /** @description Most items in the answer. */
                limit?: number;
                /** @description `next` of the page before. */
                page?: string;
            };
            header?: never;
            path: {
                id: string;
                key: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MetricHistory"];
                };
            };
            /** @description Refused, or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    listRunKeys: {
        parameters: {
            query?: {
                /** @description Ids or names of experiments, separated by commas; none is all. */
                experiments?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RunKeys"];
                };
            };
            /** @description Refused, or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    searchRuns: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RunsQuery"];
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["List"];
                };
            };
            /** @description Refused, or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    sampleSeries: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SeriesQuery"];
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["List"];
                };
            };
            /** @description Refused, or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    getServer: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ServerInfo"];
                };
            };
            /** @description Refused, or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    listTokens: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["List"];
                };
            };
            /** @description Refused, or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    createToken: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewToken"];
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["NewTokenAnswer"];
                };
            };
            /** @description Refused, or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    revokeToken: {
        parameters: {
            query?: {
                /** @description Also where nobody could administer tokens afterwards. */
                force?: boolean;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": string;
                };
            };
            /** @description Refused, or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    listTriggers: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["List"];
                };
            };
            /** @description Refused, or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    fireTrigger: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["FireTrigger"];
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Fired"];
                };
            };
            /** @description Refused, or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    getWindow: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MonitorWindow"];
                };
            };
            /** @description Refused, or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    listWorkspaces: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["List"];
                };
            };
            /** @description Refused, or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    createWorkspace: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewWorkspace"];
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WorkspaceInfo"];
                };
            };
            /** @description Refused, or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    getLive: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                };
            };
            /** @description Refused, or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    getMetrics: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/openmetrics-text": string;
                };
            };
            /** @description Refused, or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    getReady: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                };
            };
            /** @description Refused, or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
}
