//! A feed-forward of experts: which rows run through which, and the sum of what comes out. Experts come in
//! ascending order, so that a row's sum does not depend on the rows beside it.

use super::Slice;
use crate::compute::{Product, Step};
use crate::error::Result;
use crate::kernel::exp;
use crate::model::description::{ExpertWeights, Experts, Gated, Matrix, WeightedBy};
use crate::model::native::adapted::{Additions, Run, Runs};
use crate::model::native::scratch::{Choice, Rows, Scratch};
use crate::model::program::Stage;
use std::ops::Range;

/// The least that weights are divided by: the smallest normal number of f16.
const LEAST_SUM: f32 = 6.103_515_6e-5;

impl<'a> Slice<'a> {
    /// The experts of the layer, while they are in progress.
    pub(super) fn experts(&self) -> Option<&'a ExpertWeights> {
        self.layer.feed.experts().filter(|_| matches!(self.cursor.stage, Stage::Experts(_)))
    }

    /// The stream as the router of experts sees it that run beside a dense feed-forward.
    pub(super) fn router_norm(&mut self) {
        self.norm_stream(self.layer.feed.both().map(|both| &*both.router_norm));
    }

    /// The stream as those experts see it.
    pub(super) fn expert_norm(&mut self) {
        self.norm_stream(self.layer.feed.both().map(|both| &*both.expert_norm));
    }

    /// What they have come to, normed.
    pub(super) fn norm_experts(&mut self) {
        let Some(both) = self.layer.feed.both() else { return };
        let sum = self.scratch.experts.sum.first_mut(self.rows());
        self.compute.rms_norm_in_place(sum, &both.post_expert_norm, self.model.config.epsilon);
    }

    /// Scores of all experts, and each row's choice among them.
    pub(super) fn route(&mut self) -> Result<Step> {
        let Some(weights) = self.experts() else { return Ok(Step::Done) };
        let ExpertWeights { numbers, router, router_bias, bias, .. } = weights;
        let (rows, gguf) = (self.rows(), &self.model.gguf);
        let shared = weights.shared_gate();
        let additions = self.additions([router].into_iter().chain(shared));
        let step = self.sweep(additions, |slice, additions, at| {
            let Scratch { experts, activations, lowered, .. } = &mut *slice.scratch;
            let scores = Product {
                bias: router_bias.as_deref(),
                added: additions.of(0, lowered),
                ..Product::new(router.of(gguf), experts.scores.first_mut(rows))
            };
            let Some(gate) = shared else {
                return slice.compute.products(&mut [scores], activations, at, &slice.pace);
            };
            let gate = Product {
                added: additions.of(1, lowered),
                ..Product::new(gate.of(gguf), experts.shared.first_mut(rows))
            };
            slice.compute.products(&mut [scores, gate], activations, at, &slice.pace)
        });
        if step == Step::Done {
            self.choose(*numbers, bias.as_deref(), rows);
        }
        Ok(step)
    }

    /// Scores to the weights of the experts that each row runs through.
    fn choose(&mut self, numbers: Experts, bias: Option<&[f32]>, rows: usize) {
        let experts = &mut self.scratch.experts;
        experts.choices.clear();
        for row in 0..rows {
            let scores = experts.scores.row_mut(row);
            // Softmax and sigmoid make an infinity a weight like any other.
            if scores.iter().any(|score| !score.is_finite()) {
                scores.fill(f32::NAN);
            }
            match numbers.weighted_by {
                WeightedBy::Softmax => self.compute.kernels().softmax(scores),
                WeightedBy::Sigmoid => {
                    scores.iter_mut().for_each(|score| *score = 1.0 / (1.0 + exp(-*score)));
                }
                WeightedBy::SoftmaxOfChosen => {}
            }
            let first = experts.choices.len();
            let rank = |expert: usize, weight: f32| weight + bias.map_or(0.0, |bias| bias[expert]);
            for _ in 0..numbers.used {
                let chosen = experts.choices.get(first..).unwrap_or(&[]);
                let free = scores.iter().enumerate().filter(|(e, _)| chosen.iter().all(|c| c.expert != *e));
                let ranked = free.map(|(expert, &weight)| (expert, weight, rank(expert, weight)));
                // The first of equals; a NaN wins, so that it is not lost.
                let best = ranked.max_by(|a, b| a.2.total_cmp(&b.2).then(b.0.cmp(&a.0)));
                let Some((expert, weight, _)) = best else { break };
                experts.choices.push(Choice { expert, row, weight });
            }
            let chosen = experts.choices.get_mut(first..).unwrap_or(&mut []);
            if numbers.weighted_by == WeightedBy::SoftmaxOfChosen {
                // The first is the greatest.
                let most = chosen.first().map_or(0.0, |choice| choice.weight);
                chosen.iter_mut().for_each(|choice| choice.weight = exp(choice.weight - most));
            }
            if numbers.normalised {
                let sum: f32 = chosen.iter().map(|choice| choice.weight).sum();
                // As llama.cpp: what f16 has room for. A NaN stays.
                let sum = if sum < LEAST_SUM { LEAST_SUM } else { sum };
                chosen.iter_mut().for_each(|choice| choice.weight /= sum);
            }
        }
        for row in 0..rows {
            // The sigmoid of an infinity is a number.
            let weight = |gate: f32| if gate.is_finite() { 1.0 / (1.0 + exp(-gate)) } else { f32::NAN };
            experts.shared.row_mut(row).iter_mut().for_each(|gate| *gate = weight(*gate));
        }
        experts.choices.sort_unstable_by_key(|choice| (choice.expert, choice.row));
        experts.sum.first_mut(rows).fill(0.0);
    }

    /// Experts that rows run through one after the other: the shared one is the last.
    pub(super) fn expert_count(&self) -> usize {
        self.experts().map_or(0, |weights| weights.experts.len() + usize::from(weights.shared.is_some()))
    }

    /// Rows that run through the expert in progress.
    pub(super) fn expert_rows(&self) -> usize {
        match self.is_shared() {
            true => self.rows(),
            false => self.choices().len(),
        }
    }

    /// Whether the expert in progress is the one that always runs.
    fn is_shared(&self) -> bool {
        self.experts().is_some_and(|weights| self.cursor.expert >= weights.experts.len())
    }

    /// Where the choices of the expert in progress are.
    fn choices(&self) -> Range<usize> {
        let choices = &self.scratch.experts.choices;
        let first = choices.partition_point(|choice| choice.expert < self.cursor.expert);
        first..choices.partition_point(|choice| choice.expert <= self.cursor.expert)
    }

    /// The expert in progress.
    pub(super) fn expert(&self) -> Option<&'a Gated> {
        let ExpertWeights { experts, shared, .. } = self.experts()?;
        experts.get(self.cursor.expert).or(shared.as_ref().map(|(gated, _)| gated))
    }

    /// The rows of the expert in progress as the right-hand side of its gate and up.
    pub(super) fn gather(&mut self) -> Result<Step> {
        let (Some(expert), rows, shared, choices) =
            (self.expert(), self.expert_rows(), self.is_shared(), self.choices())
        else {
            return Ok(Step::Done);
        };
        let forms = self.forms([&expert.gate, &expert.up]);
        let Scratch { stream, branch, normed, experts, activations, .. } = &mut *self.scratch;
        let from: &Rows = if *normed { branch } else { stream };
        let chosen = experts.choices.get(choices).unwrap_or(&[]);
        for to in 0..rows {
            let row = if shared { Some(to) } else { chosen.get(to).map(|choice| choice.row) };
            if let Some(row) = row {
                experts.gathered.row_mut(to).copy_from_slice(from.row(row));
            }
        }
        let right = experts.gathered.first(rows);
        self.compute.activations(right, from.width, forms, activations)?;
        Ok(Step::Done)
    }

    /// The expert's projection back, row beside row.
    pub(super) fn project_gathered(
        &mut self,
        matrix: &'a Matrix,
        bias: Option<&[f32]>,
        additions: Additions<'a>,
        rows: usize,
    ) -> Step {
        let gguf = &self.model.gguf;
        self.sweep(additions, |slice, additions, at| {
            let Scratch { experts, activations, lowered, .. } = &mut *slice.scratch;
            let added = additions.of(0, lowered);
            let product = Product::new(matrix.of(gguf), experts.gathered.first_mut(rows));
            slice.compute.products(&mut [Product { bias, added, ..product }], activations, at, &slice.pace)
        })
    }

    /// Whose rows run through the expert in progress.
    pub(super) fn expert_runs(&self) -> Runs {
        if self.is_shared() {
            return self.pass.runs();
        }
        let mut runs = Runs::new();
        let chosen = self.scratch.experts.choices.get(self.choices()).unwrap_or(&[]);
        for (to, choice) in chosen.iter().enumerate() {
            let Some(span) = self.pass.span_of(choice.row) else { continue };
            match runs.last_mut() {
                Some(run) if run.span == span => run.rows.end = to + 1,
                _ => runs.push(Run { span, rows: to..to + 1 }),
            }
        }
        runs
    }

    /// Adds the expert's results, weighted, to the sums of their rows.
    pub(super) fn scatter(&mut self) {
        let (rows, shared, choices) = (self.expert_rows(), self.is_shared(), self.choices());
        let gated = self.experts().is_some_and(|weights| weights.numbers.shared_gate);
        let experts = &mut self.scratch.experts;
        let chosen = experts.choices.get(choices).unwrap_or(&[]);
        for from in 0..rows {
            let (row, weight) = match shared {
                true if !gated => (from, 1.0),
                true => (from, experts.shared.row(from).first().copied().unwrap_or(0.0)),
                false => chosen.get(from).map_or((from, 0.0), |choice| (choice.row, choice.weight)),
            };
            self.compute.kernels().add_scaled(experts.sum.row_mut(row), experts.gathered.row(from), weight);
        }
    }

    /// Adds the sums, normed with `weight` if there is one, to the stream.
    pub(super) fn add_experts(&mut self, weight: Option<&[f32]>) {
        let rows = self.rows();
        let Scratch { stream, experts, .. } = &mut *self.scratch;
        if let Some(weight) = weight {
            self.compute.rms_norm_in_place(experts.sum.first_mut(rows), weight, self.model.config.epsilon);
        }
        let scale = self.model.config.residual_scale;
        self.compute.add_scaled(stream.first_mut(rows), experts.sum.first(rows), scale);
    }
}
