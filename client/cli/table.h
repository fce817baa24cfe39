// Text for a person at a terminal.
#ifndef CHAINRULE_CLIENT_CLI_TABLE_H_
#define CHAINRULE_CLIENT_CLI_TABLE_H_

#include <ostream>
#include <string>
#include <vector>

#include "chainrule/v1/tensor.pb.h"

namespace chainrule::client {

// Table: columns as wide as their widest cell. Words stand left, what begins with a digit
// or a sign stands right. Control characters are escaped.
class Table {
 public:
  // `heads` may be empty: no head line.
  explicit Table(std::vector<std::string> heads);

  void Add(std::vector<std::string> cells);
  void Print(std::ostream& out) const;

 private:
  std::vector<std::string> heads_;
  std::vector<std::vector<std::string>> rows_;
};

// A number in few characters: 0.0123457, 1.5e-09.
std::string Number(double value);

// `16×30`.
std::string ShapeOf(const v1::Tensor& tensor);

// The Euclidean norm, and the largest absolute value, of `values`.
double Norm(const v1::Tensor& tensor);
double Largest(const v1::Tensor& tensor);

}  // namespace chainrule::client

#endif  // CHAINRULE_CLIENT_CLI_TABLE_H_
