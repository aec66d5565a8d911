// The server's tables, their limits, and what has changed in them.
#pragma once

#include <i2/trustchain/acme/rate.h>
#include <i2/trustchain/acme/server.h>

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace i2::trustchain::acme {

struct AccountRow : Account {
  std::vector<std::string> orders;  // ids, the oldest first
  RateMeter new_orders;
  RateMeter failed_validations;
};

// Rows by id. Those that may be evicted are known by age.
template <class Row>
class Table {
 public:
  using Rows = std::map<std::string, Row, std::less<>>;

  explicit Table(std::size_t limit) : limit_(limit) {}
  [[nodiscard]] const Rows& rows() const { return rows_; }
  [[nodiscard]] Row* find(std::string_view id) {
    const auto found = rows_.find(id);
    return found == rows_.end() ? nullptr : &found->second;
  }
  [[nodiscard]] bool full() const { return rows_.size() >= limit_; }
  // Whether so many more fit, when evictable ones go.
  [[nodiscard]] bool has_room(std::size_t count) const {
    return rows_.size() + count <= limit_ + evictable_.size();
  }
  [[nodiscard]] std::optional<std::string> oldest_evictable() const {
    return evictable_.empty() ? std::nullopt : std::optional(evictable_.begin()->second);
  }
  Row& insert(Row row) {
    std::string id = row.id;
    return rows_.insert_or_assign(std::move(id), std::move(row)).first->second;
  }
  void set_evictable(const Row& row, bool evictable) {
    if (evictable) {
      evictable_.emplace(row.created, row.id);
    } else {
      evictable_.erase({row.created, row.id});
    }
  }
  void erase(const Row& row) {
    set_evictable(row, false);
    rows_.erase(rows_.find(row.id));
  }

 private:
  std::size_t limit_;
  Rows rows_;
  std::set<std::pair<UnixMillis, std::string>> evictable_;
};

class Store {
 public:
  explicit Store(const Options& options);

  [[nodiscard]] AccountRow* account(std::string_view id) { return accounts_.find(id); }
  [[nodiscard]] AccountRow* account_by_key(std::string_view thumbprint);
  [[nodiscard]] Authorization* authorization(std::string_view id) {
    return authorizations_.find(id);
  }
  [[nodiscard]] Order* order(std::string_view id) { return orders_.find(id); }
  [[nodiscard]] Order* order_by_leaf(const Hash256& leaf);
  [[nodiscard]] Order* order_by_certificate(std::string_view certificate_id);
  // The account's authorization for a name of an order ("*.x": a wildcard) that is valid at `then`,
  // or null.
  [[nodiscard]] Authorization* valid_authorization(std::string_view account, std::string_view name,
                                                   UnixMillis then);

  [[nodiscard]] bool has_room_for_account() const { return accounts_.has_room(1); }
  [[nodiscard]] bool has_room_for_order(std::size_t authorizations) const {
    return orders_.has_room(1) && authorizations_.has_room(authorizations);
  }
  // Evict when there is no room otherwise; has_room_for_...() was asked before.
  AccountRow& add(Account account);
  Authorization& add(Authorization authorization);
  Order& add(Order order);
  // To be called after each change of a row.
  void changed(const AccountRow& account);
  void changed(const Authorization& authorization);
  void changed(const Order& order);
  void set_key(AccountRow& account, crypto::Jwk key);

  // A record of an earlier life: not a change. False: over the limit, or there already.
  [[nodiscard]] bool restore(Account account);
  [[nodiscard]] bool restore(Authorization authorization);
  [[nodiscard]] bool restore(Order order);
  // After the last of them: orders of each account by age.
  void finish_restoring();
  void erase_expired(UnixMillis now);

  [[nodiscard]] std::optional<RecordChange> poll_change();
  [[nodiscard]] const Table<Authorization>::Rows& authorizations() const {
    return authorizations_.rows();
  }
  [[nodiscard]] const Table<Order>::Rows& orders() const { return orders_.rows(); }

 private:
  // Everything about a row that follows from it.
  void index(const AccountRow& account);
  void index(const Authorization& authorization);
  void index(const Order& order);
  void erase(const AccountRow& account);
  void erase(const Authorization& authorization);
  void erase(const Order& order);
  template <class Row>
  void make_room(Table<Row>& table);
  [[nodiscard]] Bytes encoded(RecordKind kind, std::string_view id);

  Table<AccountRow> accounts_;
  Table<Authorization> authorizations_;
  Table<Order> orders_;
  std::map<std::string, std::string, std::less<>> by_key_;          // thumbprint: account
  std::map<std::string, std::string, std::less<>> valid_;           // account/name: authorization
  std::map<std::string, std::string, std::less<>> by_certificate_;  // CertificateId: order
  std::map<Hash256, std::string> by_leaf_;                          // order
  // Accounts before authorizations before orders: what a record refers to is written first.
  std::set<std::pair<RecordKind, std::string>> changes_;
};

}  // namespace i2::trustchain::acme
