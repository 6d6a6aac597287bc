//! Which stage needs which: by the paths that they write and read.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
    path::{Path, PathBuf},
};

use petgraph::{algo::tarjan_scc, graph::DiGraph};

use crate::{DvcError, Pipeline};

/// The order of a pipeline's stages.
#[derive(Debug, Clone)]
pub struct Graph {
    names: Vec<String>,
    /// For each stage those it needs.
    needs: Vec<Vec<usize>>,
}

impl Graph {
    /// Links the stages; refuses circles and outputs that collide.
    pub fn new(pipeline: &Pipeline) -> Result<Self, DvcError> {
        let names: Vec<String> = pipeline
            .stages
            .iter()
            .map(|stage| stage.name.clone())
            .collect();
        let outputs = outputs(pipeline)?;
        let mut needs = Vec::new();
        for stage in &pipeline.stages {
            let mut of_stage = BTreeSet::new();
            let paths = stage
                .deps
                .iter()
                .chain(stage.params.iter().map(|params| &params.file));
            for path in paths.filter(|_| !stage.is_frozen) {
                makers(&outputs, &stage.resolve(path), &mut of_stage);
            }
            needs.push(of_stage.into_iter().collect());
        }
        let graph = Self { names, needs };
        graph.refuse_cycles()?;
        Ok(graph)
    }

    fn refuse_cycles(&self) -> Result<(), DvcError> {
        let mut graph = DiGraph::<(), ()>::new();
        let nodes: Vec<_> = self.names.iter().map(|_| graph.add_node(())).collect();
        for (stage, needs) in self.needs.iter().enumerate() {
            for need in needs {
                graph.add_edge(nodes[stage], nodes[*need], ());
            }
        }
        for component in tarjan_scc(&graph) {
            let is_cycle = component.len() > 1
                || component
                    .first()
                    .is_some_and(|node| graph.contains_edge(*node, *node));
            if is_cycle {
                let mut stages: Vec<String> = component
                    .iter()
                    .map(|node| self.names[node.index()].clone())
                    .collect();
                stages.sort();
                return Err(DvcError::Cycle { stages });
            }
        }
        Ok(())
    }

    /// The wanted stages and all that they need, each after what it needs, else in the order of the file. No name:
    /// all stages.
    pub fn order(&self, wanted: &[String]) -> Result<Vec<String>, DvcError> {
        let mut roots = Vec::new();
        for name in wanted {
            let index = self.names.iter().position(|known| known == name);
            roots.push(index.ok_or_else(|| DvcError::NoStage {
                name: name.clone(),
                known: self.names.clone(),
            })?);
        }
        if wanted.is_empty() {
            roots.extend(0..self.names.len());
        }
        roots.sort_unstable();
        let mut done = vec![false; self.names.len()];
        let mut order = Vec::new();
        // Each entry: a stage, and how many of its needs have been looked at.
        let mut open: Vec<(usize, usize)> = Vec::new();
        for root in roots {
            if !done[root] {
                open.push((root, 0));
            }
            while let Some((stage, looked)) = open.last_mut() {
                match self.needs[*stage].get(*looked) {
                    Some(need) => {
                        *looked += 1;
                        if !done[*need] {
                            open.push((*need, 0));
                        }
                    }
                    None => {
                        if !done[*stage] {
                            done[*stage] = true;
                            order.push(self.names[*stage].clone());
                        }
                        open.pop();
                    }
                }
            }
        }
        Ok(order)
    }
}

fn outputs(pipeline: &Pipeline) -> Result<BTreeMap<PathBuf, usize>, DvcError> {
    let mut outputs: BTreeMap<PathBuf, usize> = BTreeMap::new();
    for (index, stage) in pipeline.stages.iter().enumerate() {
        for out in &stage.outs {
            let path = stage.resolve(&out.path);
            if let Some(first) = outputs.insert(path.clone(), index) {
                return Err(DvcError::DuplicateOutput {
                    path: path.display().to_string(),
                    first: pipeline.stages[first].name.clone(),
                    second: stage.name.clone(),
                });
            }
        }
    }
    for (path, index) in &outputs {
        let outer = path
            .ancestors()
            .skip(1)
            .find_map(|ancestor| outputs.get_key_value(ancestor));
        if let Some((outer, first)) = outer {
            return Err(DvcError::OverlappingOutputs {
                outer: outer.display().to_string(),
                inner: path.display().to_string(),
                first: pipeline.stages[*first].name.clone(),
                second: pipeline.stages[*index].name.clone(),
            });
        }
    }
    Ok(outputs)
}

/// The stages that make a path, a folder around it, or something in it.
fn makers(outputs: &BTreeMap<PathBuf, usize>, path: &Path, into: &mut BTreeSet<usize>) {
    into.extend(
        path.ancestors()
            .filter_map(|ancestor| outputs.get(ancestor)),
    );
    let inside = outputs.range::<Path, _>((Bound::Excluded(path), Bound::Unbounded));
    into.extend(
        inside
            .take_while(|(out, _)| out.starts_with(path))
            .map(|(_, stage)| *stage),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(text: &str) -> Result<Graph, DvcError> {
        Graph::new(&Pipeline::parse("dvc.yaml", text).unwrap())
    }

    #[test]
    fn stages_come_after_what_they_need() {
        let graph = graph(
            "stages:\n  c: {cmd: x, deps: [b], outs: [c]}\n  b: {cmd: x, deps: [data/a], outs: [b]}\n  a: {cmd: x, outs: [data]}\n  e: {cmd: x, deps: [out], outs: [e]}\n  d: {cmd: x, wdir: out, outs: [f]}\n",
        )
        .unwrap();
        assert_eq!(graph.order(&[]).unwrap(), ["a", "b", "c", "d", "e"]);
        assert_eq!(graph.order(&["b".to_owned()]).unwrap(), ["a", "b"]);
        assert!(matches!(
            graph.order(&["f".to_owned()]),
            Err(DvcError::NoStage { .. })
        ));
    }

    #[test]
    fn params_make_an_order_too_and_frozen_stages_need_nothing() {
        let text = "stages:\n  b: {cmd: x, params: [{p.yaml: [a]}], outs: [b]FROZEN}\n  a: {cmd: x, outs: [p.yaml]}\n";
        assert_eq!(
            graph(&text.replace("FROZEN", ""))
                .unwrap()
                .order(&["b".to_owned()])
                .unwrap(),
            ["a", "b"]
        );
        assert_eq!(
            graph(&text.replace("FROZEN", ", frozen: true"))
                .unwrap()
                .order(&["b".to_owned()])
                .unwrap(),
            ["b"]
        );
    }

    #[test]
    fn circles_and_collisions_are_refused_by_name() {
        for (text, expected) in [
            (
                "stages:\n  b: {cmd: x, deps: [a], outs: [b]}\n  a: {cmd: x, deps: [b], outs: [a]}\n  c: {cmd: x, deps: [a]}\n",
                "the stages `a`, `b` depend on each other in a circle",
            ),
            (
                "stages:\n  a: {cmd: x, deps: [a/b], outs: [a]}\n",
                "the stages `a` depend on each other in a circle",
            ),
            (
                "stages:\n  a: {cmd: x, outs: [m]}\n  b: {cmd: x, outs: [./m]}\n",
                "`m` is an output of both `a` and `b`",
            ),
            (
                "stages:\n  a: {cmd: x, outs: [m]}\n  b: {cmd: x, outs: [m/n/o]}\n  c: {cmd: x, outs: [m-n]}\n",
                "the outputs `m` of `a` and `m/n/o` of `b` overlap",
            ),
        ] {
            assert_eq!(graph(text).unwrap_err().to_string(), expected);
        }
    }
}
