// Eigenvalues of small symmetric matrices.
#pragma once
#include <vector>

namespace tandem {

/// Eigenvalues of the symmetric matrix `a` (n rows of n), in no order, and its eigenvectors as the columns of
/// `vectors`: cyclic Jacobi rotations, for n up to some hundred.
void symmetric_eigen(std::vector<std::vector<double>> a, std::vector<double>& values,
                     std::vector<std::vector<double>>& vectors);

}  // namespace tandem
