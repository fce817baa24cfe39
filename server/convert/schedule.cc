#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "server/convert/optimizer.h"
#include "server/convert/ranges.h"

namespace chainrule::server {
namespace {

using engine::ScheduleKind;
using engine::ScheduleSpec;

// Reads fields of one kind of schedule below its path.
struct Fields {
  std::string path;
  Violations* violations;

  int64_t Period(int64_t value) const {
    CheckAtLeast(value, 1, absl::StrCat(path, ".period_steps"), violations);
    return value;
  }
  double Double(double value, const Range& range, absl::string_view name) const {
    CheckDouble(value, range, absl::StrCat(path, ".", name), violations);
    return value;
  }
};

ScheduleSpec ReadStep(const v1::StepSchedule& step, const Fields& fields) {
  const double gamma = step.has_gamma() ? step.gamma() : 0.1;
  return {.kind = ScheduleKind::kStep,
          .gamma = fields.Double(gamma, kUpToOne, "gamma"),
          .period = fields.Period(step.period_steps())};
}

// 0 is unset here, and means 1.
int64_t OptionalPeriod(int64_t period_steps, const Fields& fields) {
  return period_steps == 0 ? 1 : fields.Period(period_steps);
}

ScheduleSpec ReadExponential(const v1::ExponentialSchedule& exponential, const Fields& fields) {
  return {.kind = ScheduleKind::kExponential,
          .gamma = fields.Double(exponential.gamma(), kUpToOne, "gamma"),
          .period = OptionalPeriod(exponential.period_steps(), fields)};
}

ScheduleSpec ReadCosine(const v1::CosineSchedule& cosine, const Fields& fields) {
  return {.kind = ScheduleKind::kCosine,
          .period = fields.Period(cosine.period_steps()),
          .floor = fields.Double(cosine.floor(), kUnitInterval, "floor")};
}

ScheduleSpec ReadInverseTime(const v1::InverseTimeSchedule& inverse_time, const Fields& fields) {
  return {.kind = ScheduleKind::kInverseTime,
          .gamma = fields.Double(inverse_time.decay(), kPositive, "decay"),
          .period = OptionalPeriod(inverse_time.period_steps(), fields)};
}

ScheduleSpec ReadKind(const v1::Schedule& schedule, absl::string_view field,
                      Violations* violations) {
  const auto below = [&](absl::string_view name) {
    return Fields{absl::StrCat(field, ".", name), violations};
  };
  switch (schedule.kind_case()) {
    case v1::Schedule::kStep:
      return ReadStep(schedule.step(), below("step"));
    case v1::Schedule::kExponential:
      return ReadExponential(schedule.exponential(), below("exponential"));
    case v1::Schedule::kCosine:
      return ReadCosine(schedule.cosine(), below("cosine"));
    case v1::Schedule::kInverseTime:
      return ReadInverseTime(schedule.inverse_time(), below("inverse_time"));
    case v1::Schedule::kConstant:
    case v1::Schedule::KIND_NOT_SET:
      break;
  }
  return {};
}

}  // namespace

engine::ScheduleSpec ReadSchedule(const v1::Schedule& schedule, absl::string_view field,
                                  Violations* violations) {
  ScheduleSpec spec = ReadKind(schedule, field, violations);
  spec.warmup_steps = schedule.warmup_steps();
  CheckAtLeast(spec.warmup_steps, 0, absl::StrCat(field, ".warmup_steps"), violations);
  return spec;
}

void WriteSchedule(const engine::ScheduleSpec& spec, v1::Schedule* schedule) {
  schedule->set_warmup_steps(spec.warmup_steps);
  switch (spec.kind) {
    case ScheduleKind::kConstant:
      schedule->mutable_constant();
      return;
    case ScheduleKind::kStep:
      schedule->mutable_step()->set_period_steps(spec.period);
      schedule->mutable_step()->set_gamma(spec.gamma);
      return;
    case ScheduleKind::kExponential:
      schedule->mutable_exponential()->set_period_steps(spec.period);
      schedule->mutable_exponential()->set_gamma(spec.gamma);
      return;
    case ScheduleKind::kCosine:
      schedule->mutable_cosine()->set_period_steps(spec.period);
      schedule->mutable_cosine()->set_floor(spec.floor);
      return;
    case ScheduleKind::kInverseTime:
      schedule->mutable_inverse_time()->set_period_steps(spec.period);
      schedule->mutable_inverse_time()->set_decay(spec.gamma);
      return;
  }
}

}  // namespace chainrule::server
