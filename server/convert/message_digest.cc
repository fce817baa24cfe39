// DigestMessage walks a message by reflection, so that a field that is added to the
// contract is part of the digest without a change here.
#include <algorithm>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "chainrule/v1/tensor.pb.h"
#include "google/protobuf/descriptor.h"
#include "server/convert/digest.h"
#include "server/convert/tensors.h"

namespace chainrule::server {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

ContentDigest DigestTree(const Message& message, const std::set<std::string>& except);

template <typename T>
void AddScalar(T value, Digest* digest) {
  digest->AddBytes(&value, sizeof value);
}

// Calls add(value) with the field's value; with its element `index` unless that is −1.
template <typename Add>
void VisitScalar(const Message& message, const FieldDescriptor* field, int index, Add add) {
  const Reflection& r = *message.GetReflection();
  const bool one = index < 0;
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return add(one ? r.GetInt32(message, field) : r.GetRepeatedInt32(message, field, index));
    case FieldDescriptor::CPPTYPE_INT64:
      return add(one ? r.GetInt64(message, field) : r.GetRepeatedInt64(message, field, index));
    case FieldDescriptor::CPPTYPE_UINT32:
      return add(one ? r.GetUInt32(message, field) : r.GetRepeatedUInt32(message, field, index));
    case FieldDescriptor::CPPTYPE_UINT64:
      return add(one ? r.GetUInt64(message, field) : r.GetRepeatedUInt64(message, field, index));
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return add(one ? r.GetDouble(message, field) : r.GetRepeatedDouble(message, field, index));
    case FieldDescriptor::CPPTYPE_FLOAT:
      return add(one ? r.GetFloat(message, field) : r.GetRepeatedFloat(message, field, index));
    case FieldDescriptor::CPPTYPE_BOOL:
      return add(one ? r.GetBool(message, field) : r.GetRepeatedBool(message, field, index));
    case FieldDescriptor::CPPTYPE_ENUM:
      return add(one ? r.GetEnumValue(message, field)
                     : r.GetRepeatedEnumValue(message, field, index));
    case FieldDescriptor::CPPTYPE_STRING:
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return;  // AddValue's
  }
}

void AddValue(const Message& message, const FieldDescriptor* field, int index, Digest* digest) {
  const Reflection& reflection = *message.GetReflection();
  if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
    const Message& value = index < 0 ? reflection.GetMessage(message, field)
                                     : reflection.GetRepeatedMessage(message, field, index);
    return digest->AddDigest(DigestTree(value, {}));
  }
  if (field->cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
    return digest->AddText(index < 0 ? reflection.GetString(message, field)
                                     : reflection.GetRepeatedString(message, field, index));
  }
  VisitScalar(message, field, index, [digest](auto value) { AddScalar(value, digest); });
}

// A map has no order of its own: the entries' digests, sorted.
void AddMap(const Message& message, const FieldDescriptor* field, int size, Digest* digest) {
  std::vector<ContentDigest> entries;
  for (int i = 0; i < size; ++i) {
    entries.push_back(
        DigestTree(message.GetReflection()->GetRepeatedMessage(message, field, i), {}));
  }
  std::sort(entries.begin(), entries.end());
  for (const ContentDigest& entry : entries) digest->AddDigest(entry);
}

void AddField(const Message& message, const FieldDescriptor* field, Digest* digest) {
  digest->AddInteger(static_cast<uint64_t>(field->number()));
  if (!field->is_repeated()) return AddValue(message, field, -1, digest);
  const int size = message.GetReflection()->FieldSize(message, field);
  digest->AddInteger(static_cast<uint64_t>(size));
  if (field->is_map()) return AddMap(message, field, size, digest);
  for (int i = 0; i < size; ++i) AddValue(message, field, i, digest);
}

// A tensor by what it says: its shape, its elements. One that is not sound, which no caller
// lets through, counts by its shape alone.
ContentDigest DigestTensor(const v1::Tensor& tensor) {
  Digest digest;
  digest.AddInteger(static_cast<uint64_t>(tensor.shape_size()));
  for (const int64_t length : tensor.shape()) AddScalar(length, &digest);
  if (tensor.shape_size() != 1 && tensor.shape_size() != 2) return digest.Finish();
  const absl::StatusOr<TensorRows> rows =
      CheckShape(tensor, "", {tensor.shape().data(), static_cast<size_t>(tensor.shape_size())}, "");
  if (rows.ok()) digest.AddElements(rows->elements, rows->rows);
  return digest.Finish();
}

ContentDigest DigestTree(const Message& message, const std::set<std::string>& except) {
  if (message.GetDescriptor() == v1::Tensor::descriptor()) {
    return DigestTensor(static_cast<const v1::Tensor&>(message));
  }
  Digest digest;
  digest.AddText(message.GetDescriptor()->full_name());
  std::vector<const FieldDescriptor*> fields;
  message.GetReflection()->ListFields(message, &fields);  // those set, by number
  for (const FieldDescriptor* field : fields) {
    if (!except.contains(field->name())) AddField(message, field, &digest);
  }
  return digest.Finish();
}

}  // namespace

ContentDigest DigestMessage(const google::protobuf::Message& message,
                            const std::set<std::string>& except) {
  std::set<std::string> skipped = except;
  skipped.insert("request_id");
  return DigestTree(message, skipped);
}

}  // namespace chainrule::server
