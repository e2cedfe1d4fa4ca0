#include "runners/make_runner.h"

#include <utility>

#include "runners/measure_row.h"
#include "runners/simulate_row.h"
#include "runners/slice_engine.h"

namespace perfbench {
namespace {

Runner measurer(const RunnerSettings& settings, RunnerHooks hooks) {
  MeasureParts parts = engine_parts(settings.slice.measure.device);
  parts.must_fit = settings.must_fit;
  parts.watched = std::move(hooks.watched);
  parts.step_done = std::move(hooks.step_done);
  return RowMeasurer(settings.slice.measure, std::move(parts));
}

Runner slicer(const RunnerSettings& settings, const Catalog& catalog, RunnerHooks hooks) {
  SliceParts parts = slice_engine_parts(settings.slice, catalog);
  parts.engine.must_fit = settings.must_fit;
  parts.engine.watched = std::move(hooks.watched);
  parts.step_done = std::move(hooks.slice_step_done);
  return [run = RowSlicer(settings.slice, std::move(parts)), kernels = std::move(hooks.kernels)](const Job& job) {
    SliceResult result = run(job);
    if (kernels) kernels(std::move(result.kernels));
    return std::move(result.row);
  };
}

}  // namespace

Method method_of(Mode mode) {
  switch (mode) {
    case Mode::measure:
      return Method::measured;
    case Mode::slice:
      return Method::slice;
    case Mode::automatic:
    case Mode::simulate:
      return Method::simulated;
  }
  return Method::simulated;
}

Runner make_runner(Mode mode, const RunnerSettings& settings, const Catalog& catalog, RunnerHooks hooks) {
  switch (mode) {
    case Mode::measure:
      return measurer(settings, std::move(hooks));
    case Mode::slice:
      return slicer(settings, catalog, std::move(hooks));
    case Mode::automatic:
    case Mode::simulate:
      break;
  }
  return RowSimulator(catalog, settings.calibration);
}

}  // namespace perfbench
