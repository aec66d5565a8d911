#include "store.h"

#include <i2/base/assert.h>
#include <i2/trustchain/acme/jwk.h>

#include <algorithm>

namespace i2::trustchain::acme {
namespace {

std::string valid_key(std::string_view account, std::string_view name) {
  return std::string(account) + "/" + std::string(name);
}

std::string valid_key(const Authorization& authorization) {
  return valid_key(authorization.account,
                   (authorization.wildcard ? "*." : "") + authorization.name);
}

template <class Map, class Key>
void erase_if_is(Map& map, const Key& key, const std::string& id) {
  const auto found = map.find(key);
  if (found != map.end() && found->second == id) {
    map.erase(found);
  }
}

template <class Map, class Key>
std::string_view find_id(const Map& map, const Key& key) {
  const auto found = map.find(key);
  return found == map.end() ? std::string_view{} : std::string_view(found->second);
}

}  // namespace

Store::Store(const Options& options)
    : accounts_(options.accounts_max),
      authorizations_(options.authorizations_max),
      orders_(options.orders_max) {}

AccountRow* Store::account_by_key(std::string_view thumbprint) {
  return account(find_id(by_key_, thumbprint));
}

Order* Store::order_by_leaf(const Hash256& leaf) {
  return order(find_id(by_leaf_, leaf));
}

Order* Store::order_by_certificate(std::string_view certificate_id) {
  return order(find_id(by_certificate_, certificate_id));
}

Authorization* Store::valid_authorization(std::string_view account, std::string_view name,
                                          UnixMillis then) {
  Authorization* const found = authorization(find_id(valid_, valid_key(account, name)));
  return found != nullptr && found->expires > then ? found : nullptr;
}

// --- rows that come, change and go ---------------------------------------------------------------

template <class Row>
void Store::make_room(Table<Row>& table) {
  while (table.full()) {
    const auto oldest = table.oldest_evictable();
    I2_ASSERT(oldest);
    erase(*table.find(*oldest));
  }
}

AccountRow& Store::add(Account account) {
  make_room(accounts_);
  AccountRow& row = accounts_.insert(AccountRow{std::move(account), {}, {}, {}});
  changed(row);
  return row;
}

Authorization& Store::add(Authorization authorization) {
  make_room(authorizations_);
  Authorization& row = authorizations_.insert(std::move(authorization));
  changed(row);
  return row;
}

Order& Store::add(Order order) {
  make_room(orders_);
  Order& row = orders_.insert(std::move(order));
  if (AccountRow* const owner = account(row.account); owner != nullptr) {
    owner->orders.push_back(row.id);
  }
  changed(row);
  return row;
}

void Store::index(const AccountRow& account) {
  by_key_[account.thumbprint] = account.id;
  accounts_.set_evictable(account, !account.proven || account.deactivated);
}

void Store::index(const Authorization& authorization) {
  const bool valid = authorization.state == AuthorizationState::kValid;
  authorizations_.set_evictable(authorization, !valid);
  if (!valid) {
    erase_if_is(valid_, valid_key(authorization), authorization.id);
    return;
  }
  // Of several, the one that is good for longest.
  std::string& id = valid_[valid_key(authorization)];
  const Authorization* const other = this->authorization(id);
  if (other == nullptr || other->expires <= authorization.expires) {
    id = authorization.id;
  }
}

void Store::index(const Order& order) {
  orders_.set_evictable(order, order.request.empty());
  if (!order.chain.empty()) {
    by_leaf_[order.leaf] = order.id;
    by_certificate_[order.certificate] = order.id;
  }
}

void Store::changed(const AccountRow& account) {
  index(account);
  changes_.emplace(RecordKind::kAccount, account.id);
}

void Store::changed(const Authorization& authorization) {
  index(authorization);
  changes_.emplace(RecordKind::kAuthorization, authorization.id);
}

void Store::changed(const Order& order) {
  index(order);
  changes_.emplace(RecordKind::kOrder, order.id);
}

void Store::set_key(AccountRow& account, crypto::Jwk key) {
  by_key_.erase(account.thumbprint);
  account.key = std::move(key);
  account.thumbprint = thumbprint(account.key);
  changed(account);
}

void Store::erase(const AccountRow& account) {
  changes_.emplace(RecordKind::kAccount, account.id);
  erase_if_is(by_key_, account.thumbprint, account.id);
  accounts_.erase(account);
}

void Store::erase(const Authorization& authorization) {
  changes_.emplace(RecordKind::kAuthorization, authorization.id);
  erase_if_is(valid_, valid_key(authorization), authorization.id);
  authorizations_.erase(authorization);
}

void Store::erase(const Order& order) {
  changes_.emplace(RecordKind::kOrder, order.id);
  erase_if_is(by_leaf_, order.leaf, order.id);
  erase_if_is(by_certificate_, order.certificate, order.id);
  if (AccountRow* const owner = account(order.account); owner != nullptr) {
    std::erase(owner->orders, order.id);
  }
  orders_.erase(order);
}

void Store::erase_expired(UnixMillis now) {
  std::vector<std::string> gone;
  for (const auto& [id, row] : authorizations_.rows()) {
    if (row.expires <= now) {
      gone.push_back(id);
    }
  }
  for (const std::string& id : gone) {
    erase(*authorizations_.find(id));
  }
  gone.clear();
  for (const auto& [id, row] : orders_.rows()) {
    if (row.expires <= now && row.not_after <= now) {
      gone.push_back(id);
    }
  }
  for (const std::string& id : gone) {
    erase(*orders_.find(id));
  }
}

// --- records -------------------------------------------------------------------------------------

bool Store::restore(Account account) {
  if (accounts_.full() || accounts_.find(account.id) != nullptr) {
    return false;
  }
  index(accounts_.insert(AccountRow{std::move(account), {}, {}, {}}));
  return true;
}

bool Store::restore(Authorization authorization) {
  if (authorizations_.full() || authorizations_.find(authorization.id) != nullptr) {
    return false;
  }
  index(authorizations_.insert(std::move(authorization)));
  return true;
}

bool Store::restore(Order order) {
  if (orders_.full() || orders_.find(order.id) != nullptr) {
    return false;
  }
  index(orders_.insert(std::move(order)));
  return true;
}

void Store::finish_restoring() {
  std::vector<const Order*> by_age;
  by_age.reserve(orders_.rows().size());
  for (const auto& [id, order] : orders_.rows()) {
    by_age.push_back(&order);
  }
  std::ranges::sort(by_age, {}, &Order::created);
  for (const Order* const order : by_age) {
    if (AccountRow* const owner = account(order->account); owner != nullptr) {
      owner->orders.push_back(order->id);
    }
  }
}

Bytes Store::encoded(RecordKind kind, std::string_view id) {
  const auto encode_found = [](const auto* row) { return row == nullptr ? Bytes{} : encode(*row); };
  switch (kind) {
    case RecordKind::kAccount:
      return encode_found(account(id));
    case RecordKind::kAuthorization:
      return encode_found(authorization(id));
    case RecordKind::kOrder:
      return encode_found(order(id));
  }
  return {};
}

std::optional<RecordChange> Store::poll_change() {
  if (changes_.empty()) {
    return std::nullopt;
  }
  auto [kind, id] = std::move(changes_.extract(changes_.begin()).value());
  Bytes record = encoded(kind, id);
  return RecordChange{.kind = kind, .id = std::move(id), .record = std::move(record)};
}

}  // namespace i2::trustchain::acme
