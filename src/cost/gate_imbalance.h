// What uneven loads of experts ask of the fullest rank.
#pragma once

#include "job/job.h"

namespace perfbench {

// Mean of the greatest of n standard normal numbers: 0, 0.564, 0.846, 1.029, ...
double greatest_of_normals(int n);

// Rows of the fullest of ep ranks over those of the mean one, where the loads of single experts have the coefficient of
// variation `imbalance`. A rank's load is the mean of e = E / ep of them, drawn without replacement: its coefficient of
// variation is imbalance x sqrt((E - e) / (e (E - 1))), and loads are taken to be normal. At most ep, when all rows go
// to one rank, and E / k, when a rank has experts that all tokens go to.
double fullest_rank(double imbalance, int experts, int top_k, int ep);

// Of the worst layer of the job's model; 1 where it has no experts.
double fullest_rank(const Job& job);

}  // namespace perfbench
