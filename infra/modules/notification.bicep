// Who is told: the owners of the subscription, and whoever else is named.

@description('Name of the action group.')
param name string

@description('Tags.')
param tags object

@description('Addresses, beside those of the owners.')
param emails array

var roles = loadJsonContent('../roles.json')

resource actionGroup 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: name
  location: 'global'
  tags: tags
  properties: {
    groupShortName: 'chest-xray'
    enabled: true
    armRoleReceivers: [
      {
        name: 'owners'
        roleId: roles.owner
        useCommonAlertSchema: true
      }
    ]
    emailReceivers: [for (email, i) in emails: {
      name: 'email-${i}'
      emailAddress: email
      useCommonAlertSchema: true
    }]
  }
}

@description('Resource id of the action group.')
output id string = actionGroup.id
