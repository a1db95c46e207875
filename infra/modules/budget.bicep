// The month's bill of this resource group, watched.

@description('Name of the budget.')
param name string

@description('US$ (or the currency of the subscription) a month.')
param amount int

@description('First day of the month in which the budget was created; it can never change.')
param startDate string

@description('Resource id of the action group that is told.')
param actionGroupId string

@description('Addresses that are told as well.')
param emails array

resource budget 'Microsoft.Consumption/budgets@2026-06-01' = {
  name: name
  properties: {
    category: 'Cost'
    amount: amount
    timeGrain: 'Monthly'
    timePeriod: {
      startDate: startDate
    }
    notifications: {
      spent80: {
        enabled: true
        operator: 'GreaterThanOrEqualTo'
        threshold: 80
        thresholdType: 'Actual'
        contactEmails: emails
        contactGroups: [
          actionGroupId
        ]
      }
      spent100: {
        enabled: true
        operator: 'GreaterThanOrEqualTo'
        threshold: 100
        thresholdType: 'Actual'
        contactEmails: emails
        contactGroups: [
          actionGroupId
        ]
      }
      foreseen100: {
        enabled: true
        operator: 'GreaterThanOrEqualTo'
        threshold: 100
        thresholdType: 'Forecasted'
        contactEmails: emails
        contactGroups: [
          actionGroupId
        ]
      }
    }
  }
}
