#include "runners/slice_engine.h"

#include "runners/measured_on.h"
#include "runners/simulate_row.h"

namespace perfbench {

SliceParts slice_engine_parts(const SliceSettings& settings, const Catalog& catalog) {
  return {.engine = engine_parts(settings.measure.device),
          .measured_on = [device = settings.measure.device,
                          &catalog] { return measured_on(device, engine_report(), catalog); },
          .simulate =
              [&catalog](const Job& job, std::shared_ptr<const KernelTable> kernels) {
                return simulate_row(job, catalog, std::move(kernels));
              },
          .step_done = {}};
}

}  // namespace perfbench
