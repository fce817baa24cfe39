#include "engine/io/strict_json.h"

#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace chainrule::engine {
namespace {

using nlohmann::json;

constexpr size_t kMaxDepth = 16;

// Sees each key and each opening before the document is built; throws nothing.
class Guard : public nlohmann::json_sax<json> {
 public:
  bool start_object(size_t) override { return Open(); }
  bool end_object() override { return Close(); }
  bool start_array(size_t) override { return Open(); }
  bool end_array() override { return Close(); }
  bool key(string_t& name) override {
    if (keys_.back().insert(name).second) return true;
    fault_ = absl::StrCat("key '", name.substr(0, 64), "' occurs twice");
    return false;
  }
  bool parse_error(size_t position, const std::string&, const json::exception&) override {
    fault_ = absl::StrCat("not JSON at byte ", position);
    return false;
  }
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }

  const std::string& fault() const { return fault_; }

 private:
  bool Open() {
    keys_.emplace_back();
    if (keys_.size() <= kMaxDepth) return true;
    fault_ = absl::StrCat("nested deeper than ", kMaxDepth);
    return false;
  }
  bool Close() {
    keys_.pop_back();
    return true;
  }

  std::vector<std::set<std::string>> keys_;
  std::string fault_;
};

}  // namespace

absl::StatusOr<json> ParseStrictJson(absl::string_view text) {
  Guard guard;
  if (!json::sax_parse(text.begin(), text.end(), &guard)) {
    return absl::InvalidArgumentError(guard.fault());
  }
  return json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
}

}  // namespace chainrule::engine
